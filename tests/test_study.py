"""The study renders, screens, trains, scores and writes its page, and continues where it stopped."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from actionpairs.recipe import load
from actionpairs.synthetic.episode import plan_episode
from actionpairs.synthetic.synthetic_shards import SyntheticSet
from actionpairs.training import metric_log

ROOT = Path(__file__).parents[1]
MODULES = (
    *("base", "estimates", "figures", "jobs", "passes", "results", "rows", "runs", "scoring", "screening"),
    *("screening_table", "sizes", "stages", "tables"),
)
TABLES = ("screening", "truth", "seeds", "front", "scores", "trust")
MARKS = "".join(f"<!-- tiny {part} -->\nold\n<!-- end of tiny {part} -->\n" for part in TABLES)
SHORT = {"steps": 3, "warmup_steps": 1, "batch_size": 4, "sample_count": 1, "sample_steps": 1}
slow = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture
def s(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """The modules of docs/study, by name."""
    monkeypatch.syspath_prepend(str(ROOT / "docs/study"))
    yield SimpleNamespace(**{name: importlib.import_module(name) for name in MODULES})
    for name in MODULES:
        del sys.modules[name]


@pytest.fixture
def study(s: SimpleNamespace, tmp_path: Path) -> Any:
    """A study whose rows take seconds: few scenes, few steps, one sampling step."""
    recipes, docs = tmp_path / "recipes", tmp_path / "docs"
    for name in ("actions", "static-only", "no-action", "hinge", "recognizer"):
        change = {"train": {"steps": 2} if name == "recognizer" else SHORT}
        _write(recipes / f"{name}.yaml", {"extends": f"study/cpu/{name}", **change})
    _write(recipes / "actions.yaml", {"extends": "study/cpu/actions", "train": SHORT, "eval": {"steps": 1}})
    _write(recipes / "halfway.yaml", {"extends": "actions", "train": {"interpolation": 0.5}})
    _write(recipes / "guided.yaml", {"extends": "actions", "eval": {"text_guidance": 1.0}})
    _write(recipes / "screening/reference.yaml", {"extends": "../actions"})
    for number in range(3):
        change = {"train": {"learning_rate": 10.0**-number, "steps": 3 * (number + 1)}}
        _write(recipes / f"screening/setting-{number}.yaml", {"extends": "../actions", **change})
    docs.mkdir()
    (docs / "study.md").write_text(MARKS)
    size = s.sizes.Size(
        name="tiny",
        recipes=recipes,
        sets=(SyntheticSet("LC", "fixed", "actions", 4, 2, 64, 12, s.sizes.HELD_BACK),),
        static=SyntheticSet("static", "fixed", "static edits", 1, 2, 64, 21),
        rows={"actions": (0, 1), "no-action": (0, 1), "hinge": (0,), "halfway": (0,), "guided": (0,)},
        reported=("actions",),
        base=None,
        screening=s.sizes.Screening(
            SyntheticSet("screening-actions", "fixed", "actions", 1, 1, 64, 31),
            SyntheticSet("screening-static", "fixed", "static edits", 1, 1, 64, 32),
            rounds=(2, 4),
            sampling_steps=1,
        ),
        threads=1,
    )
    return s.rows.Study(size, tmp_path / "out", "cpu", docs)


def _write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content))


def _scored(s: SimpleNamespace, *progress: float) -> list[Any]:
    return [s.scoring.ScoredEdit(f"k{number}", "take", "cup", each, 1.0) for number, each in enumerate(progress)]


@pytest.mark.parametrize(
    ("row", "passes"),
    [
        ("static-only", 800 * 3),
        ("no-reg", 800 * 6),  # right and wrong text, forward and backward
        ("no-action", 800 * 4),  # and the frozen model, forward alone
        ("actions", 800 * 7),
        ("screening/dpo", 800 * 8),  # the frozen model under both texts
        ("screening/reg-replay", 800 * 5),  # half of the rows, in both models
        ("screening/identity", 800 * 3),
        ("plus", 1400 * 4),  # as many as all three losses
        ("static-only-interpolated-70", 800 * 3),
    ],
)
def test_passes_are_those_of_the_recipe(s: SimpleNamespace, row: str, passes: float) -> None:
    assert s.passes.passes(load(f"study/cpu/{row}").train) == passes


def test_the_long_row_of_l_static_costs_what_all_losses_cost(s: SimpleNamespace) -> None:
    long, whole = (s.passes.passes(load(f"study/cpu/{row}").train) for row in ("static-only-long", "actions"))
    assert 0.995 < long / whole <= 1.001


@pytest.mark.parametrize("size", ["cpu", "gpu"])
def test_every_row_has_a_recipe_that_trains_the_same_base(s: SimpleNamespace, size: str) -> None:
    for row in s.sizes.SIZES[size].rows:
        recipe = load(s.sizes.SIZES[size].recipes / f"{row}.yaml")
        assert recipe.train.model.source == "tabletop"
        assert recipe.eval.resolution == recipe.train.resolution


def test_every_setting_states_only_its_difference(s: SimpleNamespace) -> None:
    study = s.rows.Study(s.sizes.SIZES["cpu"], Path("unused"), "cpu")
    names = s.screening.settings(study)
    assert names[0] == "reference"
    configs = {name: s.screening.config_of(study, name) for name in names}
    assert len({str(config) for config in configs.values()}) == len(names)
    assert s.rows.digest(configs["identity-70"]) == s.rows.digest(configs["identity"])


def test_scores_of_a_recipe_that_has_changed_are_dropped(s: SimpleNamespace, study: Any) -> None:
    [spec, _] = study.test_sets

    def drop() -> bool:
        rows = s.rows.full_rows(study, ["actions"])
        s.rows.drop_stale(study, rows)
        path = study.scores(spec, rows[0].name)
        kept = path.exists()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("[]")
        return kept

    assert [drop(), drop(), drop()] == [False, True, True]
    _write(study.size.recipes / "actions.yaml", {"extends": "study/cpu/actions", "train": SHORT | {"steps": 4}})
    assert [drop(), drop()] == [False, True]


@pytest.mark.slow
def test_the_test_set_has_enough_held_back_samples(s: SimpleNamespace) -> None:
    [spec] = s.sizes.SIZES["cpu"].sets
    pairs = [
        (segment.action.verb, segment.action.nouns[0])
        for scene in range(spec.scenes, spec.scenes + spec.test_scenes)
        for segment in plan_episode(
            seed=spec.seed, camera_kind=spec.camera, index=scene, actions=14, size=(64, 64), frame_rate=10
        ).segments
        if segment.action.verb != "check"
    ]
    assert len(pairs) >= 400
    assert sum(pair in spec.held_back for pair in pairs) >= 40


def test_the_better_half_goes_on_with_the_reference(s: SimpleNamespace) -> None:
    scores = {"a": 0.1, "reference": 0.2, "b": 0.5, "c": 0.4, "d": 0.3}
    assert s.screening.better_half(scores) == ["b", "c", "d", "reference"]
    assert s.screening.better_half({"reference": 0.9, "b": 0.5, "c": 0.4}) == ["reference", "b"]


def test_a_round_waits_for_all_scores_and_ranks_by_the_sum_of_both_aims(s: SimpleNamespace, study: Any) -> None:
    every = ["reference", "setting-0", "setting-1", "setting-2"]
    assert s.screening.plan(study) == [(2, every)]
    progress = {
        "reference": (0.1, 0.1),
        "setting-0": (0.6, -0.5),
        "setting-1": (0.2, 0.3),
        "setting-2": (0.0, 0.4),
    }
    for name, both in progress.items():
        assert s.screening.plan(study) == [(2, every)]
        for spec, each in zip(study.size.screening.sets, both, strict=True):
            s.scoring.save_scores(study.scores(spec, f"{name}-2"), _scored(s, each - 0.1, each + 0.1))
    assert s.screening.plan(study) == [(2, every), (4, ["setting-1", "setting-2", "reference"])]
    table = s.screening_table.make(study).splitlines()[2:6]
    assert [line.split(" | ")[1] for line in table] == ["setting-1", "setting-2", "reference", "setting-0"]
    assert "+0.100 (+0.100, +0.100)" in table[0]
    assert "+0.200 (+0.200, +0.200)" in table[0]


def test_a_setting_with_more_steps_has_as_many_more_in_each_round(s: SimpleNamespace, study: Any) -> None:
    row = s.screening.row_of(study, "setting-1", 30)  # 6 steps, where the reference has 3 and 1 of warm-up
    assert (row.train["steps"], row.train["warmup_steps"]) == (60, 10)
    assert s.rows.editor_config(study, row).steps == 60


def test_rows_that_differ_only_after_training_share_it(s: SimpleNamespace, study: Any) -> None:
    grouped = s.rows.group(study, s.rows.full_rows(study, ["actions", "no-action", "halfway", "guided"]))
    assert [[row.name for row in run.rows] for run in grouped] == [
        ["actions-seed0", "halfway-seed0", "guided-seed0"],
        ["no-action-seed0"],
        ["actions-seed1"],
        ["no-action-seed1"],
    ]
    assert all(load(run.recipe).train.interpolation == 1 for run in grouped)
    assert s.rows.group(study, [s.rows.full_rows(study, ["halfway"])[0]])[0].digest == grouped[0].digest


def test_the_order_of_screening_and_rows_is_compared_over_settings_in_both(s: SimpleNamespace, study: Any) -> None:
    for number, row in enumerate(("first", "second")):
        _write(study.size.recipes / f"{row}.yaml", {"extends": f"screening/setting-{number}"})
        study.size.rows[row] = (0,)
    for setting, row, short, long in [
        ("reference", "actions", 0.1, 0.3),
        ("setting-0", "first", 0.2, 0.1),
        ("setting-1", "second", 0.3, 0.2),
        ("setting-2", "guided", 0.4, 0.9),  # sampled otherwise, so not the same
    ]:
        for spec in study.size.screening.sets:
            s.scoring.save_scores(study.scores(spec, f"{setting}-2"), _scored(s, short))
        for spec in study.test_sets:
            s.scoring.save_scores(study.scores(spec, f"{row}-seed0"), _scored(s, long))
    [sentence] = [line for line in s.screening_table.make(study).splitlines() if line.startswith("Ranks after")]
    assert "over the 3 settings in both (`reference`, `setting-0`, `setting-1`)" in sentence
    assert "ρ is -0.50 for the score" in sentence


def test_the_front_holds_what_no_row_beats_in_both_aims(s: SimpleNamespace, tmp_path: Path) -> None:
    def result(name: str, kept: tuple[int, ...], done: tuple[int, ...]) -> Any:
        def edits(count: int) -> list[Any]:
            return _scored(s, *[1.0] * count, *[0.0] * (10 - count))

        return s.results.RowResult(name, tuple(map(edits, done)), tuple(map(edits, kept)), 1)

    every = [
        result("keeps", (8, 8), (1, 1)),
        result("does", (2,), (5,)),
        result("beaten", (2,), (4,)),
        result("middle", (5, 3), (3, 3)),
        result("under", (6,), (1,)),
    ]
    best = s.results.front(every)
    assert [one.name for one in best] == ["does", "middle", "keeps"]
    assert best[1].mean == (40.0, 30.0)
    assert [round(s.results.below_front(one, best), 6) for one in every] == [0, 0, 10, 0, 10]
    s.figures.draw_front(every, tmp_path / "front.png")
    assert (tmp_path / "front.png").stat().st_size > 5000


def test_the_page_shows_every_finished_row(s: SimpleNamespace, study: Any) -> None:
    for name, progress in {
        "copy of the input": (0.0, 0.0),
        "base": (0.0, 1.0),
        "actions-seed0": (1.0, 0.0),
        "actions-seed1": (1.0, 1.0),
        "no-action-seed0": (0.0, 0.0),
        "no-action-seed1": (1.0, 0.0),
        "hinge-seed0": (0.0, 0.0),
    }.items():
        for spec in study.test_sets:
            s.scoring.save_scores(study.scores(spec, name), _scored(s, *progress))
    s.tables.write(study)
    page = (study.docs / "study.md").read_text()
    truth, seeds, front = (
        page.partition(f"<!-- tiny {name} -->")[2].partition("<!-- end")[0].splitlines()[3:]
        for name in ("truth", "seeds", "front")
    )
    names = [line.split(" | ")[1] for line in truth[:4]]
    assert names == ["copy of the input", "base", "actions-seed0", "actions-seed1"]
    assert truth[2].startswith("| LC | actions-seed0 | 3 | 2 | 50.0 | ")  # 3 steps · 7 · 4 of 32 rows = 2.6 passes
    assert truth[4].endswith("| +0 −1, p 1 |")
    assert seeds[0].startswith("| LC | actions | 50.0, 100.0 | 75.0 | ")
    assert "| no-action | 0.0, 50.0 | 25.0 | " in seeds[1]
    assert " | -50.0 | -50.0 to -50.0 |" in seeds[1]
    assert front[0] == "| LC | actions | 2 | 3 | 75.0 | 75.0 | on it |"
    assert front[-1] == "| LC | hinge | 1 | 3 | 0.0 | 0.0 | 75.0 |"
    assert "old" in page.partition("<!-- tiny scores -->")[2].partition("<!-- end")[0]  # no report yet


def test_a_paired_interval_is_that_of_the_differences(s: SimpleNamespace) -> None:
    assert s.estimates.paired([0.5, 0.1, 0.9], [0.3, -0.1, 0.7]) == pytest.approx((0.2, 0.2, 0.2))
    mean, low, high = s.estimates.paired([1.0, 0.0] * 50, [0.0] * 100)
    assert mean == 0.5
    assert low == pytest.approx(0.4, abs=0.03)  # 0.5 − 1.96·0.5/√100
    assert high == pytest.approx(0.6, abs=0.03)


class TestSlow:
    pytestmark = slow

    def test_everything_is_done_once_and_written_to_the_page(self, s: SimpleNamespace, study: Any) -> None:
        rows = list(study.size.rows)
        assert s.stages.run_study(study, "all", rows, jobs=2, deadline=s.jobs.Deadline(None))
        page = (study.docs / "study.md").read_text()
        assert "old" not in page
        rows_of_page = [line.split(" | ") for line in page.splitlines() if line.startswith("| LC | ")]
        truth = {cells[1]: cells for cells in rows_of_page[::-1]}
        assert [cells[1] for cells in rows_of_page[:2]] == ["copy of the input", "base"]
        assert {"actions-seed1", "no-action-seed1", "hinge-seed0", "halfway-seed0", "guided-seed0"} < truth.keys()
        assert float(truth["copy of the input"][4]) == 0
        assert float(truth["the real last frame"][4]) == 100
        assert "| 4 | setting-" in page
        screened = sum(len(names) for _, names in s.screening.plan(study))
        assert (
            len(list((study.out / "runs").iterdir())) == 5 + screened
        )  # trainings of the rows, and the two rounds
        progress = {row: self._progress(s, study, f"{row}-seed0") for row in ("actions", "halfway", "guided")}
        assert progress["actions"] != progress["halfway"]
        assert progress["actions"] != progress["guided"]
        assert (study.docs / "study-tiny.jpg").stat().st_size > 1000
        assert (study.docs / "study-tiny-pareto.png").stat().st_size > 1000
        written = {path: path.stat().st_mtime_ns for path in (study.out / "scores").rglob("*.json")}
        assert s.stages.run_study(study, "all", rows, jobs=1, deadline=s.jobs.Deadline(None))
        assert written == {path: path.stat().st_mtime_ns for path in written}
        assert (study.docs / "study.md").read_text() == page

    def test_a_row_that_was_stopped_goes_on_and_scores_as_one_that_was_not(
        self, s: SimpleNamespace, study: Any, capsys: pytest.CaptureFixture[str]
    ) -> None:
        _write(study.size.recipes / "no-action.yaml", {"extends": "actions", "train": {"steps": 60}})
        assert s.stages._prepare(study, "rows", s.jobs.Deadline(None))
        [run] = s.rows.group(study, s.rows.full_rows(study, ["no-action"])[:1])
        folder = study.out / "runs" / run.digest
        job = s.jobs.Job("no-action", s.runs.train_and_score, (study, run))
        assert not s.jobs.run_all([job], at_once=1, deadline=_Training(folder), after_each=lambda: None)
        steps = [int(path.name.removeprefix("step-")) for path in (folder / "checkpoints").glob("step-*")]
        assert 0 < max(steps) < 60
        assert s.jobs.run_all([job], at_once=1, deadline=s.jobs.Deadline(None), after_each=lambda: None)
        assert s.stages.check(study, "no-action", deadline=s.jobs.Deadline(None))
        assert "are the same to the last digit" in capsys.readouterr().out
        path = study.scores(study.size.static, "no-action-seed0")
        path.write_text(path.read_text().replace('"kept": ', '"kept": 1'))
        with pytest.raises(SystemExit, match="scores differ"):
            s.stages.check(study, "no-action", deadline=s.jobs.Deadline(None))

    def test_jobs_stop_at_the_deadline(self, s: SimpleNamespace) -> None:
        started = time.monotonic()
        jobs = [s.jobs.Job("sleep", time.sleep, (300,))] * 3
        assert not s.jobs.run_all(jobs, at_once=2, deadline=s.jobs.Deadline(0.8), after_each=lambda: None)
        assert time.monotonic() - started < 48

    def test_a_failed_job_is_named(self, s: SimpleNamespace) -> None:
        jobs = [s.jobs.Job("the third row", sys.exit, (3,))]
        with pytest.raises(SystemExit, match="the third row"):
            s.jobs.run_all(jobs, at_once=1, deadline=s.jobs.Deadline(None), after_each=lambda: None)

    def _progress(self, s: SimpleNamespace, study: Any, name: str) -> list[float]:
        return [one.progress for one in s.scoring.load_scores(study.scores(study.size.sets[0], name))]


class _Training:
    """A deadline that is over as soon as a training has begun its steps."""

    seconds_left = 0.2

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def is_over(self) -> bool:
        return (self._folder / metric_log.TABLE_FILE).exists()
