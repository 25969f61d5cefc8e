"""The project's web pages: one file each, one look, and no network. And the data-set card, which is Markdown."""

from __future__ import annotations

import base64
from functools import cache
from typing import Literal

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape


def render(template: str, **values: object) -> str:
    """Fill a template of this package; in a page every text in `values` is shown as text, never as markup."""
    return _environment().get_template(template).render(**values)


def picture(data: bytes, kind: Literal["jpeg", "png", "webp"] = "jpeg") -> str:
    """A picture as a data URI, so that the page needs no file beside it."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("actionpairs", "templates"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
