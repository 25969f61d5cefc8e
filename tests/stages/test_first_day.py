"""The tutorial, and the README's road for one's own videos: as they are printed, with fewer training steps."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from tests.first_day import clips, pages
from tests.first_day.day import Day

ROOT = Path(__file__).parents[2]
FEW_STEPS = "--set train.steps=3 --set train.warmup_steps=1 --set train.batch_size=2 --set train.sample_count=1"
SHORTER = {"train": FEW_STEPS.split(), "eval": ["--set", "eval.steps=2"]}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture
def day(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Day:
    """A folder with the tutorial's clips, which then need not be rendered again."""
    folder = tmp_path / "day"
    shutil.copytree(clips.rendered_once(tmp_path_factory), folder / clips.NAME)
    return Day(folder, Path(sys.executable).parent, shorter=SHORTER)


def test_the_tutorial_runs_as_it_is_printed(day: Day) -> None:
    done = day.live((ROOT / "docs/tutorial.md").read_text(encoding="utf-8"))
    assert {"demo", "extract", "shard", "train", "edit", "eval", "recipe"} <= {
        each.command.split()[1] for each in done
    }
    for page in ("pairs", "shards", "report", "strict/report", "theirs"):
        assert (day.folder / "out" / page / "index.html").stat().st_size > 10_000


def test_the_commands_for_ones_own_videos_run_as_they_are_printed(day: Day) -> None:
    (day.folder / "my-videos").symlink_to(day.folder / clips.NAME / "videos")
    shutil.copy(day.folder / clips.NAME / "table.csv", day.folder / "my-table.csv")
    done = [day.run(command) for command in own_videos_commands()]
    assert [each.command.split()[1] for each in done] == ["extract", "shard", "train", "eval", "extract", "recipe"]
    counts, _, scores = own_videos_output().partition("\nscore ")
    printed = "".join(each.printed for each in done[:4])
    assert pages.difference(with_parts_left_out(counts), printed, numbers=True) is None
    assert pages.difference(with_parts_left_out(f"score {scores}"), printed, numbers=False) is None
    assert (day.folder / "out/report/index.html").stat().st_size > 10_000
    assert (day.folder / "mine.yaml").exists()


def own_videos() -> str:
    """The README's section for those who have videos."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## Your own videos\n")[2]
    return section.partition("\n## ")[0]


def own_videos_commands() -> list[str]:
    """Its commands, without those that need a GPU's editor."""
    steps = pages.steps(own_videos())
    commands = [command for step in steps if isinstance(step, pages.Step) for command in step.commands]
    return [command for command in commands if command.split()[1:3] != ["train", "table"]]


def own_videos_output() -> str:
    """What it says that the first four commands print."""
    [output] = [block.text for block in pages.blocks(own_videos()) if block.language == "text"]
    return output


def with_parts_left_out(text: str) -> str:
    """A printed output in which other lines may stand between any two."""
    lines = [line for line in text.splitlines() if line != pages.ELISION]
    return "\n".join([pages.ELISION, *(part for line in lines for part in (line, pages.ELISION))])
