"""The study: trains the rows of pipelines/study, scores their edits, and writes the tables of docs/study.md.

    python docs/study cpu --out out/study/cpu --jobs 2           # sets, screening, rows, tables and pictures
    python docs/study cpu --out out/study/cpu --minutes 9        # the same in parts: run it again to go on
    python docs/study cpu --out out/study/cpu --part screening
    python docs/study cpu --out out/study/cpu --part rows --rows actions,plus
    python docs/study cpu --out out/study/cpu --check plus       # the same scores if it is trained again?
    python docs/study autoencoder --out out/base                 # train the base's autoencoder again, then
    python docs/study base --out out/base                        # the base; --ship copies it into the package

Run the same command again to continue after an interruption: what is finished is skipped, and a training goes on
from its last checkpoint.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

import base
import stages
from jobs import Deadline
from rows import Study
from sizes import SHIPPED, SIZES


def main() -> None:
    """Parse the command line and run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "size", choices=(*SIZES, "autoencoder", "base"), help="a study of this size, or a part of the base"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for sets, models, reports and scores")
    parser.add_argument("--part", choices=("all", "screening", "rows"), default="all", help="default: all")
    parser.add_argument("--rows", type=lambda text: text.split(","), help="names, with commas; default: every row")
    parser.add_argument("--jobs", type=int, default=1, help="trainings side by side; scores do not depend on it")
    parser.add_argument("--minutes", type=float, help="stop before so many minutes are over")
    parser.add_argument("--check", metavar="ROW", help="train and score a row again, with its seed 0, and compare")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps")
    parser.add_argument("--ship", action="store_true", help="copy the trained model into the package")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the jobs are stopped too
    if options.size == "autoencoder":
        vae = base.train_autoencoder(SHIPPED, options.out, device=options.device)
        if options.ship:
            vae.half().save_pretrained(base.WEIGHTS / "vae")
    elif options.size == "base":
        folders = base.write_sets(SHIPPED.sets, options.out)
        base.train_base(SHIPPED.recipe, folders, options.out, device=options.device)
        if options.ship:
            base.ship(options.out / "base")
    else:
        study, deadline = Study(SIZES[options.size], options.out, options.device), Deadline(options.minutes)
        if options.check:
            is_finished = stages.check(study, options.check, deadline=deadline)
        else:
            rows = options.rows or list(study.size.rows)
            is_finished = stages.run_study(study, options.part, rows, jobs=options.jobs, deadline=deadline)
        print("finished" if is_finished else "stopped at --minutes: run the same command again to go on")


if __name__ == "__main__":
    main()
