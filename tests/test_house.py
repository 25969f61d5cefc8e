"""The rules of CONTRIBUTING.md that a program can check: sizes, names, and nothing written twice."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CODE = sorted((ROOT / "actionpairs").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
TEXTS = [
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "pipelines").rglob("*.yaml")),
    *sorted(path for path in (ROOT / "actionpairs/templates").iterdir() if path.suffix in {".html", ".js", ".md"}),
]
MOST_LINES, MOST_FUNCTION_LINES, MOST_PARAMETERS, SAME_LINES = 300, 40, 6, 6
NO_NAMES = {"found", "shown", "known", "told", "said", "given"}
OLD_NAMES = re.compile(
    r"\b(Lesson|Trainee|Rivals?|Presentation|Contestants?|Judges|PaintedSet|Unfit|Places|Seats?|seated|_?Deal|placing"
    r"|Opinions?|opinions|Filmed|films|likeness|Movement|blown(_out)?|max_blown|trainee|lesson|rivals|contestants?"
    r"|order_digest|Journal|recogniser\w*|Recogniser\w*|cut_video|Cut|Order|Line|EditorLesson)\b"
    r"|actionpairs[./](learning|scoring|tabletop|pages|stages[./](cut|plan|placing|seats|shuffle|painted))\b"
)
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def functions(path: Path) -> Iterator[FunctionNode]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, FunctionNode):
            yield node


def has_reason(lines: list[str], node: FunctionNode) -> bool:
    """Whether a comment `# N parameters: why` stands above a function or inside its signature."""
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return any(re.search(r"# \d+ parameters: \w", line) for line in lines[first - 2 : node.body[0].lineno - 1])


@pytest.mark.parametrize("path", CODE, ids=relative)
def test_files_functions_and_signatures_are_short(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= MOST_LINES
    for node in functions(path):
        length = (node.end_lineno or node.lineno) - node.lineno + 1
        assert length <= MOST_FUNCTION_LINES, f"{node.name}: {length} lines"
        names = [each.arg for each in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
        count = len([name for name in names if name not in {"self", "cls"}])
        assert count <= MOST_PARAMETERS or has_reason(lines, node), f"{node.name}: {count} parameters, no reason"


def names(path: Path) -> Iterator[str]:
    """Every name that a file gives to something."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, FunctionNode | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr


@pytest.mark.parametrize("path", [*CODE, *TESTS], ids=relative)
def test_a_name_says_what_it_names(path: Path) -> None:
    assert not {name for name in names(path) if name.strip("_").lower() in NO_NAMES}
    assert "judge" not in {name.strip("_") for name in names(path)}


def test_only_annotation_formats_have_a_function_called_read() -> None:
    readers = {relative(path) for path in CODE for node in functions(path) if node.name == "read"}
    assert all(name.startswith("actionpairs/annotations/") for name in readers - FILES_THAT_ARE_READ)


# Objects that other libraries treat as files: their `read` is the protocol's.
FILES_THAT_ARE_READ = {"actionpairs/ranges.py"}


@pytest.mark.parametrize("path", [*CODE, *TESTS, *TEXTS], ids=relative)
def test_names_of_the_version_before_are_gone(path: Path) -> None:
    if path == Path(__file__) or path.stem == "compatibility":
        return
    text = path.read_text(encoding="utf-8")
    matches = {match[0] for match in OLD_NAMES.finditer(text)} - ALLOWED.get(relative(path), set())
    assert not matches


# Old words that are data, or that the past is read by.
ALLOWED: dict[str, set[str]] = {
    "actionpairs/manifest.py": {"order_digest"},
    "actionpairs/stages/measure.py": {"order_digest"},
    "actionpairs/recognition/families.py": {"recogniser"},  # the purpose of a seed: another word, other weights
    "actionpairs/cli/models.py": {"recogniser"},
    "docs/cli.md": {"recogniser"},
    "tests/test_manifest.py": {"order_digest"},
    "tests/stages/test_earlier_versions.py": {"order_digest", "blown"},
    "tests/test_cli.py": {"max_blown"},
    "tests/test_recipe.py": {"recogniser", "max_blown"},
    "tests/stages/test_measure.py": {"order_digest", "blown"},
}


def code_lines(path: Path) -> list[tuple[int, str]]:
    """The lines of a file that are code: no blanks, comments, docstrings, imports or signatures."""
    text = path.read_text(encoding="utf-8")
    skipped: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if is_text or isinstance(node, ast.Import | ast.ImportFrom):
            skipped.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
        elif isinstance(node, FunctionNode):  # those of one interface are the same
            skipped.update(range(node.lineno, node.body[0].lineno))
    lines = enumerate((line.strip() for line in text.splitlines()), start=1)
    return [(number, line) for number, line in lines if line and line[0] != "#" and number not in skipped]


def test_nothing_of_six_lines_stands_twice() -> None:
    seen: dict[tuple[str, ...], str] = {}
    twice = []
    for path in CODE:
        lines = code_lines(path)
        for start in range(len(lines) - SAME_LINES + 1):
            window = tuple(line for _, line in lines[start : start + SAME_LINES])
            if sum(len(re.findall(r"\w+", line)) for line in window) < 2 * SAME_LINES:
                continue  # brackets
            place = f"{relative(path)}:{lines[start][0]}"
            if window in seen:
                twice.append(f"{seen[window]} and {place}")
            seen.setdefault(window, place)
    assert not twice


FAMILIES = re.compile(r"instruct.?pix2pix|kontext|flux|qwen|longcat|dreamlite|klein", re.IGNORECASE)
FAMILIES_MAY_STAND = (
    r"Qwen\w+Processor",  # classes of transformers
    r'CHECKPOINT_KEY_NAMES\["instruct-pix2pix"\]',  # a key of diffusers
)


# `exports` names other projects and the columns of their files.
MAY_NAME_FAMILIES = {"editors", "exports"}


@pytest.mark.parametrize("path", [path for path in CODE if not MAY_NAME_FAMILIES & set(path.parts)], ids=relative)
def test_no_family_of_editors_is_named_outside_editors(path: Path) -> None:
    text = re.sub("|".join(FAMILIES_MAY_STAND), "", path.read_text(encoding="utf-8"))
    assert not FAMILIES.findall(text)
