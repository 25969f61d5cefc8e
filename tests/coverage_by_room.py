"""Prints the line coverage of each room from coverage's JSON: `python tests/coverage_by_room.py coverage.json`."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path


def main(path: str) -> None:
    covered, lines = Counter[str](), Counter[str]()
    for name, file in json.loads(Path(path).read_text(encoding="utf-8"))["files"].items():
        parts = Path(name).parts
        room = parts[1] if len(parts) > 2 else "actionpairs/*.py"
        covered[room] += file["summary"]["covered_lines"]
        lines[room] += file["summary"]["num_statements"]
    print("\nline coverage by room")
    for room in sorted(lines):
        print(f"{covered[room] / max(lines[room], 1):7.1%} of {lines[room]:5,}  {room}")
    print(f"{sum(covered.values()) / max(sum(lines.values()), 1):7.1%} of {sum(lines.values()):5,}  all")


if __name__ == "__main__":
    main(sys.argv[1])
