"""Pages show texts as texts, need no network, and draw charts from numbers."""

from __future__ import annotations

import re

import jinja2
import pytest

from actionpairs import templates

PAGE = (
    """{% extends "base.html" %}{% import "macros.html" as ui %}
{% block title %}T{% endblock %}{% block content %}"""
    + "{body}{{% endblock %}}"
)


def page(body: str, **values: object) -> str:
    source = PAGE.replace("{body}{{% endblock %}}", body + "{% endblock %}")
    return templates._environment().from_string(source).render(**values)


def test_a_text_is_never_markup() -> None:
    html = page("{{ ui.stats([(1, t)]) }}{{ ui.table([t], [[t]]) }}{{ ui.figures([(t, t)]) }}", t='<script>"x"')
    assert "<script>" not in html
    assert html.count("&lt;script&gt;&#34;x&#34;") == 6  # a figure shows it as source, alt and caption


def test_a_page_asks_the_network_for_nothing() -> None:
    html = page("{{ ui.figures([(p, 'x')]) }}", p=templates.picture(b"abc", "webp"))
    assert "default-src 'none'" in html
    assert not re.search(r"""(src|href)=["'](?!data:)|url\(|@import""", html)


def test_a_picture_is_inside_the_page() -> None:
    assert templates.picture(b"abc", "png") == "data:image/png;base64,YWJj"


def test_a_missing_value_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError):
        page("{{ absent }}")


def test_a_line_chart_spans_its_frame() -> None:
    html = page("{{ ui.line_chart([('loss', points)], 'step', 'loss') }}", points=[(0, 2.0), (5, 1.0), (10, 0.0)])
    points = re.search(r'points="([^"]+)"', html)
    assert points
    assert points[1].split() == ["68.0,12.0", "308.0,101.0", "548.0,190.0"]


def test_a_flat_line_and_no_line_are_drawn_too() -> None:
    assert "polyline" in page("{{ ui.line_chart([('a', [(1, 3.0), (2, 3.0)])]) }}")
    assert "polyline" not in page("{{ ui.line_chart([]) }}")


def test_a_histogram_has_a_bar_for_each_count_above_zero() -> None:
    html = page("{{ ui.histogram([0, 2, 1], [0.0, 1.0, 2.0, 3.0]) }}")
    assert re.findall(r'class="bin".*? height="([\d.]+)"', html) == ["178.0", "89.0"]  # an empty bin has no bar


def test_the_longest_bar_is_the_largest_value() -> None:
    html = page("{{ ui.bars([('a', 4), ('b', 1)], ' clips') }}{{ ui.bars([('none', 0)]) }}{{ ui.bars([]) }}")
    assert re.findall(r'style="width: ([\d.]+)%', html) == ["100.0", "25.0", "0.0"]
