"""The project's web pages: one file each, one look, and no network."""

from __future__ import annotations

import base64
from functools import cache
from typing import Literal

from jinja2 import Environment, PackageLoader, StrictUndefined


def render(template: str, **values: object) -> str:
    """Fill a template of this package; every text in `values` is shown as text, never as markup."""
    return _environment().get_template(template).render(**values)


def picture(data: bytes, kind: Literal["jpeg", "png", "webp"] = "jpeg") -> str:
    """A picture as a data URI, so that the page needs no file beside it."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("actionpairs", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
