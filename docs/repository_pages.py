"""A hook of mkdocs: links to the README and to source files lead to pages of the site, as they do on GitHub.

Every file outside docs/ that a page links to becomes a page below `repository/`: Markdown as it is, a notebook as
its cells, a folder as a list, anything else as text.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
FIRST = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "examples/quickstart.ipynb")
LANGUAGES = {".py": "python", ".yaml": "yaml", ".yml": "yaml", ".json": "json", ".cff": "yaml"}
_LINK = re.compile(r"(?<=\]\()([^)#\s]+)(?=[)#])")
_ITEM = re.compile(r"([-*]|\d+\.) ")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages below `repository/`."""
    from mkdocs.structure.files import File, InclusionLevel

    pages = [Path("docs") / file.src_uri for file in files.documentation_pages()]
    todo, seen = [*pages, *map(Path, FIRST)], set[Path]()
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        text = (ROOT / path).read_text(encoding="utf-8") if path.suffix == ".md" else source_text(path)
        todo += [target for target in linked(text, path) if not is_in_docs(target)]
        if not is_in_docs(path):
            level = InclusionLevel.UNDEFINED if path.as_posix() in FIRST else InclusionLevel.NOT_IN_NAV
            files.append(File.generated(config, page_uri(path), content=text, inclusion=level))
            _ORIGINS[page_uri(path)] = path
    return files


_ORIGINS: dict[str, Path] = {}


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Links as those of the site, and lists as Python-Markdown reads them."""
    uri = page.file.src_uri
    origin = _ORIGINS.get(uri, Path("docs") / uri)
    return outside_code(lambda text: with_lists(with_links(text, origin, uri)), markdown)


def is_in_docs(path: Path) -> bool:
    """Whether mkdocs has the file already."""
    return path.parts[0] == "docs" and path.suffix != ".py" and "study" not in path.parts and path.suffix != ""


def page_uri(path: Path) -> str:
    """Where the page of a file of the repository stands among the site's sources."""
    if is_in_docs(path):
        return path.relative_to("docs").as_posix()
    end = "" if path.suffix == ".md" else "/index.md" if (ROOT / path).is_dir() else ".md"
    return f"repository/{path.as_posix()}{end}"


def linked(markdown: str, origin: Path) -> Iterator[Path]:
    """The files and folders of the repository that a text links to."""
    for match in _LINK.finditer(markdown):
        folder = origin if (ROOT / origin).is_dir() else origin.parent
        target = Path(posixpath.normpath(folder / match[1]))
        if "://" not in match[1] and target.parts[0] != ".." and (ROOT / target).exists():
            yield target


def with_links(markdown: str, origin: Path, uri: str) -> str:
    """The text with links to the site's pages in place of those to files."""

    def replaced(match: re.Match[str]) -> str:
        targets = list(linked(f"]({match[0]})", origin))
        return posixpath.relpath(page_uri(targets[0]), posixpath.dirname(uri)) if targets else match[0]

    return _LINK.sub(replaced, markdown)


def with_lists(markdown: str) -> str:
    """Empty lines before lists and four spaces inside items: GitHub needs neither, Python-Markdown does."""
    lines: list[str] = []
    inside = False  # an item of a list
    for line in markdown.split("\n"):
        text = line.lstrip()
        is_item, indent = bool(_ITEM.match(text)), len(line) - len(text)
        if is_item and not inside and lines and lines[-1].strip():
            lines.append("")
        if text and not indent:
            inside = is_item or (inside and bool(lines) and bool(lines[-1].strip()))
        lines.append("    " + text if inside and 0 < indent < 4 else line)
    return "\n".join(lines)


def outside_code(change: Callable[[str], str], markdown: str) -> str:
    """The text changed outside fenced code."""
    parts = re.split(r"(^ *```.*?^ *```$)", markdown, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if part.lstrip().startswith("```") else change(part) for part in parts)


def source_text(path: Path) -> str:
    """The Markdown of a page that shows a folder or a file that is no Markdown."""
    place, title = ROOT / path, f"# {path.as_posix()}\n\n"
    if place.is_dir():
        parts = (each for each in place.iterdir() if each.suffix in LANGUAGES or is_folder_of_recipes(each))
        names = sorted(each.name for each in parts)
        return title + "\n".join(f"- [{name}]({name})" for name in names) + "\n"
    text = place.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        return title + "\n\n".join(_cells(json.loads(text)))
    return f"{title}````{LANGUAGES.get(path.suffix, 'text')}\n{text.rstrip()}\n````\n"


def is_folder_of_recipes(path: Path) -> bool:
    """Whether a folder has recipes, also deeper in it."""
    return path.is_dir() and any(path.glob("**/*.yaml"))


def _cells(notebook: dict[str, Any]) -> Iterator[str]:
    for cell in notebook["cells"]:
        text = "".join(cell["source"])
        yield text if cell["cell_type"] == "markdown" else f"```python\n{text}\n```"
        for output in cell.get("outputs", ()):
            printed = output.get("text") or output.get("data", {}).get("text/plain") or ()
            yield from [f"```text\n{''.join(printed).rstrip()}\n```"] if printed else []
