"""What a report says of itself: what was measured with what, and where there are too few samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from actionpairs.configs import EvalConfig
from actionpairs.evaluation import scorecard
from actionpairs.evaluation.records import ReportRow, ReportSample, Score
from actionpairs.evaluation.scorers import Scorers
from actionpairs.metrics import discrimination, formulas

_FEW_FOR = {  # how a score is taken → the least samples, and what goes wrong below
    "mean": (30, "an interval of ±1.96 standard errors is too narrow for so few"),
    "hits": (100, "the interval is wider than ±10 points where the value is near 50 %"),
    "Fréchet": (2000, "biased upwards, as every Fréchet distance of few is; compare within this table only"),
    "kernel": (200, "unbiased, but noise outweighs the differences between good models"),
}


def on(
    config: EvalConfig,
    origins: Sequence[str],
    rows: Sequence[ReportRow],
    samples: Sequence[ReportSample],
    panel: Scorers,
) -> tuple[str, ...]:
    """Every note, in the order in which a reader needs them. origins: a line on each model."""
    return (*origins, *_methods(config, rows), *few(rows, panel), *_unknown(samples, panel), *panel.notes)


def few(rows: Sequence[ReportRow], panel: Scorers) -> Iterator[str]:
    """One line for each way of taking scores that has too few samples here, naming those scores."""
    kind_of = {
        name: "Fréchet" if by is formulas.frechet else "kernel"
        for network in panel.networks
        for name, by in network.distances.items()
    }
    scores = {score.name: score for row in rows for score in row.scores}
    for kind, (least, trouble) in _FEW_FOR.items():
        scarce = [
            score
            for score in scores.values()
            if score.count < least and kind_of.get(score.name, _own_kind(score)) == kind
        ]
        if scarce:
            counts = sorted({score.count for score in scarce})
            at = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
            yield f"Few samples: {', '.join(score.name for score in scarce)} at {at} (< {least}): {trouble}."


def _own_kind(score: Score) -> str:
    return "hits" if score.unit == "%" else "mean"


def _methods(config: EvalConfig, rows: Sequence[ReportRow]) -> Iterator[str]:
    yield (
        f"Predictions: {config.steps} steps of {config.scheduler}, s_i = {config.image_guidance:g}, "
        f"s_c = {config.text_guidance:g}, seed {config.seed} and the sample's key, {config.resolution} pixels."
    )
    yield (
        "Motion alignment: optical flow from the input to the edit against that to the real last frame; 100 is "
        "the same motion, 0 none or another, −100 the reverse. Where the truth shows no motion, a sample takes "
        "no part."
    )
    names = {score.name for row in rows for score in row.scores}
    if scorecard.DISCRIMINATION in names:
        yield (
            "Discrimination: how often a model tells the real last frame's noise better under its own "
            f"instruction than under another action's, over {discrimination.DRAWS} times and noises a sample; "
            "50 % is chance. Predictions that were given have none."
        )
    if scorecard.BACKGROUND in names:
        yield (
            "Background PSNR: the edit against its input where the real last frame does not differ from it; a "
            "copy is perfect by design. Where nearly everything differs, a sample takes no part."
        )
    yield (
        "Intervals: Wilson for hits, ±1.96 standard errors for means, a jackknife over 20 groups for distances "
        "between sets (none below 40 samples)."
    )
    yield (
        "Differences: Student's paired t on the same samples, McNemar's exact test for hits; p is not corrected "
        "for the number of comparisons."
    )


def _unknown(samples: Sequence[ReportSample], panel: Scorers) -> Iterator[str]:
    if panel.recognizer is not None:
        unknown = sum(sample.action not in panel.recognizer.actions for sample in samples)
        if unknown:
            yield f"{unknown} samples show actions that the recognizer never learned: all count as wrong."
