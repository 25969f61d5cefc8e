"""How far to trust a score: its rank correlation with what is true of the same edits, as raters say it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from scipy.stats import norm, rankdata

from actionpairs.evaluation.records import Question, Report, ReportRow, ScoreTrust, TruthKind
from actionpairs.metrics.intervals import Estimate

FEWEST_EDITS, FEWEST_ROWS = 10, 5  # below which there is no correlation
FEWEST_SAMPLES = 8  # below which there is no interval: the bootstrap's would be too narrow, of one sample a point
ABOUT: Mapping[TruthKind, tuple[Question, ...]] = {"action": ("action",), "rest": ("environment", "objects")}
_RESAMPLES = 500
_IN_GENERAL = (
    "On rendered scenes with a known truth, no score follows it well over single edits (docs/study.md, “Which "
    "scores to trust”), and distances between sets can put the copy of the input first."
)
_FIRST_WITHOUT_RATERS = "motion alignment"  # which ordered the rows of the study best


_Statistic = Callable[[np.ndarray], float]  # of some samples, by their places


def spearman(values: np.ndarray, truth: np.ndarray) -> float:
    """Spearman's rank correlation of two arrays of N; NaN where one of them does not vary."""
    ones, others = (rankdata(each) - (len(each) + 1) / 2 for each in (values, truth))
    spread = math.sqrt(float(ones @ ones) * float(others @ others))
    return float(ones @ others) / spread if spread else math.nan


def over_edits(values: np.ndarray, truth: np.ndarray) -> Estimate | None:
    """Spearman's ρ over all edits, with the bootstrap's 95 % interval; None below FEWEST_EDITS.

    There is no interval below FEWEST_SAMPLES.
    values, truth: R N float64, R rows' edits of N samples; NaN where there is no number. Samples are drawn, with
    the edits of all rows, for these are not independent. The same call gives the same.
    """
    inside = ~np.isnan(values + truth)
    if inside.sum() < FEWEST_EDITS:
        return None

    def of(columns: np.ndarray) -> float:
        kept = inside[:, columns]
        return spearman(values[:, columns][kept], truth[:, columns][kept])

    return _bootstrap(of, inside, int(inside.sum()))


def over_rows(values: np.ndarray, truth: np.ndarray) -> Estimate | None:
    """Spearman's ρ of the rows' means, with the bootstrap's 95 % interval over samples; None below FEWEST_ROWS.

    values, truth: R N as in `over_edits`; or values of shape R for scores that only a whole row has: then only
    the samples of the truth are drawn.
    """
    if values.ndim == 1:
        values = np.repeat(values[:, None], truth.shape[1], axis=1)
    values = np.where(np.isnan(truth), math.nan, values)
    rows = (~np.isnan(values)).any(axis=1)
    if rows.sum() < FEWEST_ROWS:
        return None
    values, truth = values[rows], np.where(np.isnan(values), math.nan, truth)[rows]

    def of(columns: np.ndarray) -> float:
        ones, others = (_means(each[:, columns]) for each in (values, truth))
        inside = ~np.isnan(ones + others)
        return spearman(ones[inside], others[inside]) if inside.sum() >= FEWEST_ROWS else math.nan

    return _bootstrap(of, ~np.isnan(values), int(rows.sum()))


def _means(values: np.ndarray) -> np.ndarray:
    counts = (~np.isnan(values)).sum(axis=1)
    return np.where(counts > 0, np.nansum(values, axis=1) / np.maximum(counts, 1), math.nan)


def _bootstrap(of: _Statistic, inside: np.ndarray, count: int) -> Estimate | None:
    """The value over all samples, and its percentiles where there are enough and they vary. inside: R N bool."""
    samples: int = inside.shape[1]
    value = of(np.arange(samples))
    if math.isnan(value):
        return None
    if inside.any(axis=0).sum() < FEWEST_SAMPLES:
        return Estimate(value, None, None, count)
    draw = np.random.default_rng(0)
    drawn = [of(draw.integers(0, samples, samples)) for _ in range(_RESAMPLES)]
    kept = [each for each in drawn if not math.isnan(each)]
    if len(kept) < _RESAMPLES / 2:
        return Estimate(value, None, None, count)
    low, high = np.percentile(kept, [2.5, 97.5])
    return Estimate(value, float(low), float(high), count)


def of_ratings(
    report: Report, ratings: Mapping[tuple[str, str], Mapping[Question, float]]
) -> tuple[ScoreTrust, ...]:
    """ρ of every score with what raters say: of the action, and of all that should stay.

    ratings: row and key → question → the share of raters who said yes. The real last frame takes no part: many
    scores compare with it. The sign is turned where lower is better, so that 1 always means that they agree.
    """
    rows = [row for row in report.rows if row.kind != "truth"]
    keys = sorted({key for _, key in ratings})
    names = dict.fromkeys(score.name for row in rows for score in row.scores)
    truth_of = {kind: _truth(ratings, rows, keys, questions) for kind, questions in ABOUT.items()}
    return tuple(each for name in names for each in _of_score(name, rows, keys, truth_of))


def _truth(
    ratings: Mapping[tuple[str, str], Mapping[Question, float]],
    rows: Sequence[ReportRow],
    keys: Sequence[str],
    questions: Sequence[Question],
) -> np.ndarray:
    def one(row: str, key: str) -> float:
        votes = ratings.get((row, key), {})
        shares = [votes[question] for question in questions if question in votes]
        return sum(shares) / len(shares) if shares else math.nan

    return np.array([[one(row.name, key) for key in keys] for row in rows], np.float64)


def _of_score(
    name: str, rows: Sequence[ReportRow], keys: Sequence[str], truth_of: Mapping[TruthKind, np.ndarray]
) -> Iterator[ScoreTrust]:
    scores = [next((score for score in row.scores if score.name == name), None) for row in rows]
    sign = next(1 if score.better == "higher" else -1 for score in scores if score)
    by_key = [{edit.key: edit.values for edit in row.edits} for row in rows]
    values = np.array([[of.get(key, {}).get(name, math.nan) for key in keys] for of in by_key], np.float64)
    whole = np.array([score.value if score else math.nan for score in scores])
    for kind, truth in truth_of.items():
        edits = over_edits(sign * values, truth)
        of_rows = over_rows(sign * (whole if np.isnan(values).all() else values), truth)
        if edits or of_rows:
            yield ScoreTrust(name, kind, *_numbers(edits), *_numbers(of_rows))


def _numbers(estimate: Estimate | None) -> tuple[float | None, float | None, float | None, int]:
    if estimate is None:
        return None, None, None, 0
    return estimate.value, estimate.low, estimate.high, estimate.count


def first_to_read(report: Report) -> str:
    """Which score to read first and why, in a sentence or two."""
    of_action = [each for each in report.trust if each.about == "action"]
    compared = [each for each in of_action if each.edits_rho is not None and each.edits_low is not None]
    if compared:
        return _from_raters(compared, report.raters)
    names = {score.name for row in report.rows for score in row.scores}
    judged = next((name for name in report.calibrated if name in names), None)
    unknown = f"{_why_unknown(report.raters)} {_IN_GENERAL}"
    if judged:
        reason = "about pairs with a known answer, this judge tells right from wrong (Methods)"
        return f"Read {judged} first: {reason}. {unknown}"
    if _FIRST_WITHOUT_RATERS in names:
        return f"Read {_FIRST_WITHOUT_RATERS} first, and look at the pictures. {unknown}"
    return f"Look at the pictures first. {unknown}" if names else ""


def _why_unknown(raters: int) -> str:
    if raters == 0:
        return "Nobody has rated these edits (--rater-page), so which score is right here is not known."
    return (
        f"What {_people(raters)} of the action is too little, or too much alike, to tell which score follows it."
    )


def _people(raters: int) -> str:
    return f"{raters} rater{' says' if raters == 1 else 's say'}"


def _from_raters(compared: Sequence[ScoreTrust], raters: int) -> str:
    """The score whose interval begins highest, if that is above 0. compared: those with an interval.

    One of many scores seems to follow by chance, so each interval is widened to Bonferroni's for so many.
    """
    people = _people(raters)
    wider = float(norm.ppf(1 - 0.025 / len(compared)) / norm.ppf(0.975))

    def lowest(each: ScoreTrust) -> float:
        rho, low = each.edits_rho or 0.0, each.edits_low or 0.0
        return rho - wider * (rho - low)

    best = max(compared, key=lowest)
    rho, low, high = map(_signed, (best.edits_rho, best.edits_low, best.edits_high))
    numbers = f"ρ = {rho}, {low} to {high}, {best.edits} edits"
    if lowest(best) <= 0:
        among = "" if len(compared) == 1 else f", the best of {len(compared)}"
        return f"No score follows what {people} of the action ({best.score}: {numbers}{among}). Go by the raters."
    return f"Read {best.score} first: it follows best what {people} of the action ({numbers})."


def _signed(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}".replace("-", "−")
