"""report.tex is a booktabs table whose texts are texts."""

from __future__ import annotations

from actionpairs.report import latex
from tests.report.test_files import example


def test_the_best_is_bold_and_baselines_stand_below_a_rule() -> None:
    text = latex.table(example())
    assert r"ours & \textbf{50.0} {\scriptsize (49.0 to 51.0)} & " in text
    assert text.count(r"\midrule") == 2
    assert text.index("base &") < text.rindex(r"\midrule") < text.index("copy of the input &")
    assert r"Acc top-1 \% $\uparrow$" in text


def test_names_are_texts() -> None:
    assert latex.escape(r"a_b & 5% \end{x}") == r"a\_b \& 5\% \textbackslash{}end\{x\}"
    assert latex.escape("color drift ΔE ↓") == r"color drift $\Delta$E $\downarrow$"
