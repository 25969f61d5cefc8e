"""CrossTask: a CSV per video, `<task>_<video>.csv`, with lines `step,start,end` in seconds; steps count from 1.

Layout: data.py of DmZhukov/CrossTask. tasks_primary.txt has six lines per task: number, title, URL, number of
steps, the steps with commas between them, and an empty one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from actionpairs.annotations.clips import Clip, unreadable
from actionpairs.annotations.rows import Row, file_name, load_text, parse_rows
from actionpairs.annotations.times import quoted
from actionpairs.errors import AnnotationError
from actionpairs.formats import CrossTaskFormat
from actionpairs.records import Rejection

_FILE = re.compile(r"(\d+)_(.+)\.csv", re.ASCII)
_COLUMNS = ("step", "start", "end")


def read(urls: Sequence[str], _: CrossTaskFormat) -> Iterator[Clip | Rejection]:
    """Read CrossTask files; without the list of tasks, the label is the step's number. The group is empty."""
    steps: dict[str, list[str]] = {}
    for url in urls:
        if not _FILE.fullmatch(file_name(url)):
            steps |= _load_tasks(url)
    for url in urls:
        if match := _FILE.fullmatch(file_name(url)):
            task, video = match.groups()
            for row in parse_rows(url, load_text(url), needs=_COLUMNS, header=_COLUMNS, delimiter=","):
                yield row if isinstance(row, Rejection) else _clip(row, task, video, steps)


def missing_names(urls: Sequence[str]) -> tuple[str, ...]:
    """The names of the steps, if no list of tasks is among the files."""
    if all(_FILE.fullmatch(file_name(url)) for url in urls):
        return ("the names of the steps, which stand in tasks_primary.txt",)
    return ()


def _clip(row: Row, task: str, video: str, steps: Mapping[str, Sequence[str]]) -> Clip | Rejection:
    step, names = str(row["step"]).strip(), steps.get(task, ())
    place = int(step) if re.fullmatch(r"\d{1,4}", step, re.ASCII) else 0
    name = names[place - 1] if 1 <= place <= len(names) else f"step {place} of task {task}"
    clip = Clip(row.where, None, video, row["start"], row["end"], label=name)
    if not 1 <= place <= (len(names) if steps else place):
        return unreadable(clip, f"{quoted(step)} is no step of task {task}")
    return clip


def _load_tasks(url: str) -> dict[str, list[str]]:
    """Task number → names of its steps; raises AnnotationError if the file is no list of tasks."""
    lines = [line.strip() for line in load_text(url).splitlines()]
    steps: dict[str, list[str]] = {}
    while lines:
        task, *rest = lines[:6]
        lines = lines[6:]
        if not task and not any(rest):
            continue
        names = [name.strip() for name in rest[3].split(",")] if len(rest) >= 4 else []
        if not re.fullmatch(r"\d+", task, re.ASCII) or not names or rest[2] != str(len(names)):
            raise AnnotationError(
                f"{url}: neither a list of tasks nor named `<task>_<video>.csv`.",
                cure="Give the files of `annotations/`, and tasks_primary.txt.",
            )
        steps[task] = names
    return steps
