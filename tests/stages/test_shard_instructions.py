"""Instructions of shards: new words in the text and the table, the annotation's words in the JSON."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from actionpairs import manifest, pairs, recipe, shards
from actionpairs.configs import ChatModelConfig, ShardConfig, SplitConfig
from actionpairs.errors import LanguageModelError, RecipeError, StorageError
from actionpairs.language_models import retries
from actionpairs.manifest import StageSpec
from actionpairs.records import FramePair, PairFacts, Sample, Segment
from actionpairs.stages.shard import ShardSummary, shard
from actionpairs.stages.verify import verify
from actionpairs.storage import Folder
from tests.language_models.fake_server import KEY, FakeServer, fake_server
from tests.language_models.test_asking import fails
from tests.measures.measured import measured

RECIPE = """
extends: table
shard:
  filters: {min_change: null}
  splits: {tests: {tabletest: 20}, subsets: {most: {of: tabletest, count: 5, by: change}}}
  samples_per_shard: 30
"""
TEMPLATES = """
  instructions:
    by: templates
    verbs: {take: ["pick up the {noun}", "grab the {noun}"], turn-on: ["switch on the {noun}"]}
"""
VERBS = ("take", "turn-on", "put")


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setattr(retries, "_FIRST_WAIT_SECONDS", 0.01)


def frame_pair(number: int, wordings: int) -> FramePair:
    """A pair; every `wordings`-th has the same words."""
    verb, noun = VERBS[number % 3], f"cup:tea:{number % wordings}"
    segment = Segment(
        f"s.{number}", "v.mp4", number, number + 1.0, f"{verb} {noun}", verb, noun, verb, f"P{number % 7}"
    )
    facts = PairFacts(
        segment, number, number + 0.9, number, number + 54, 0.0, 0.1, "planned", "", 16, 16, measured()
    )
    jpeg = cv2.imencode(".jpg", np.full((16, 16, 3), number % 250, np.uint8))[1].tobytes()
    return FramePair(facts, jpeg, jpeg)


def make_pairs(folder: Folder, count: int, *, wordings: int = 30) -> None:
    """A finished pairs folder, as `extract` leaves it."""
    spec = StageSpec("extract", "made", recipe.load("table").extract, {})
    with manifest.working(folder, spec):
        files = {}
        for video in range(4):
            name = pairs.file_name(f"{video}.mp4")
            made = [frame_pair(number, wordings) for number in range(video, count, 4)]
            files[name] = pairs.write(folder, name, made, pairs.VideoNotes(()))
        files[pairs.REJECTED_FILE] = pairs.write_rejections(folder, [])
        manifest.finish(folder, spec, counts={"rows": count, "selected": count, "pairs": count}, files=files)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    make_pairs(Folder(tmp_path / "pairs"), 90)
    return tmp_path


def run(work: Path, name: str, instructions: str = "", **options: Any) -> ShardSummary:
    (work / "mine.yaml").write_text(RECIPE + instructions)
    return shard(work / "mine.yaml", pairs=str(work / "pairs"), out=str(work / name), **options)


def files(folder: Path) -> dict[str, bytes]:
    """Every file of a shards folder but the cache of answers."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def samples(folder: Path) -> dict[str, list[Sample]]:
    """Split → its samples."""
    shards_folder = Folder(folder)
    by_split: dict[str, list[Sample]] = {}
    for one in shards.load_index(shards_folder).shards:
        by_split.setdefault(one.split, []).extend(shards.iter_samples(shards_folder, one.name))
    return by_split


def asked(fake: FakeServer, **options: Any) -> str:
    """The section of a recipe that asks a server, with a short prompt."""
    server = {"url": fake.url, "model": "fake", "attempts": 8, "timeout_seconds": 20, **options.pop("server", {})}
    section = {"by": "language model", "server": server, "prompt": "NOTE {instruction}", **options}
    return f"\n  instructions: {json.dumps(section)}\n"


def rewritten(text: str) -> str:
    """What the server answers: as a person would say it."""
    return f'"please {text.removeprefix("NOTE ").replace(":", " ")}"'


# Without the key.


def test_a_recipe_without_the_key_has_the_digest_that_it_had_before_there_was_one() -> None:
    config = ShardConfig(dataset="X", splits=SplitConfig(train="X-train", tests={"Xtest": 7}))
    assert config.digest() == "710be9e9d35bcb56"
    assert "instructions" not in config.model_dump(mode="json")


def test_without_the_key_the_words_are_those_of_the_annotation(work: Path) -> None:
    summary = run(work, "shards")
    assert summary.instructions == {}
    for some in samples(work / "shards").values():
        assert all(sample.edit_prompt == sample.metadata.segment.instruction for sample in some)
    assert not (work / "shards/language_model").exists()


# Templates.


def test_text_and_table_have_the_new_words_and_the_json_the_old_ones(work: Path) -> None:
    summary = run(work, "shards", TEMPLATES)
    assert summary.instructions == {"templates of all": 30, "templates of the verb": 60}
    table = {
        split: {entry.key: entry.instruction for entry in shards.load_entries(Folder(work / "shards"), split)}
        for split in ("table-train", "tabletest", "most")
    }
    seen = set()
    for split, some in samples(work / "shards").items():
        for sample in some:
            segment = sample.metadata.segment
            noun = " ".join(reversed(segment.noun.split(":")))
            begins = {"take": ("pick up", "grab"), "turn-on": ("switch on",), "put": ("put",)}[segment.verb]
            assert sample.edit_prompt in {f"{begin} the {noun}" for begin in begins}
            assert table[split][sample.key] == sample.edit_prompt
            assert segment.instruction == f"{segment.verb} {segment.noun}"
            seen.add(sample.edit_prompt.split()[0])
    assert seen == {"pick", "grab", "switch", "put"}
    assert verify(str(work / "shards")) == 95  # which compares every row with its sample


def test_a_sample_of_a_subset_has_the_words_of_its_split(work: Path) -> None:
    run(work, "shards", TEMPLATES)
    texts = {sample.key: sample.edit_prompt for sample in samples(work / "shards")["tabletest"]}
    for sample in samples(work / "shards")["most"]:
        assert sample.edit_prompt == texts[sample.key]


def test_workers_change_no_byte_of_the_instructions(work: Path) -> None:
    run(work, "one", TEMPLATES)
    run(work, "two", TEMPLATES, workers=2)
    assert files(work / "one") == files(work / "two")


def test_card_page_and_manifest_say_where_the_words_are_from(work: Path) -> None:
    run(work, "shards", TEMPLATES)
    card = (work / "shards/README.md").read_text()
    assert "- Instructions are templates, drawn by hash (seed 0)" in card
    assert "the cup" not in card
    assert "switch on the" in (work / "shards/index.html").read_text()
    counts = json.loads((work / "shards/manifest.json").read_text())["counts"]
    assert counts["instructions: templates of the verb"] == 60
    again = run(work, "shards", TEMPLATES)
    assert again.instructions == {"templates of all": 30, "templates of the verb": 60}


def test_pairs_and_pictures_are_those_of_the_recipe_without_the_key(work: Path) -> None:
    run(work, "plain")
    run(work, "other", TEMPLATES)
    plain, other = samples(work / "plain"), samples(work / "other")
    for split, some in plain.items():
        assert [one.key for one in some] == [one.key for one in other[split]]
        assert [one.edited_image for one in some] == [one.edited_image for one in other[split]]
        assert [one.metadata.segment for one in some] == [one.metadata.segment for one in other[split]]


# A language model.


def test_a_model_is_asked_once_for_each_wording_and_its_words_are_taken(work: Path) -> None:
    with fake_server(fails, rewritten) as fake:
        summary = run(work, "shards", asked(fake))
    assert summary.instructions == {"rewritten": 90, "narration kept": 0}
    assert set(fake.answered.values()) == {1}
    assert len(fake.answered) == 30
    for some in samples(work / "shards").values():
        for sample in some:
            words = sample.metadata.segment.instruction
            assert sample.edit_prompt == f"please {words.replace(':', ' ')}"
    assert verify(str(work / "shards")) == 95
    assert "written by fake from" in (work / "shards/README.md").read_text()


def test_answers_are_asked_for_once_whatever_workers_and_concurrency_and_the_bytes_are_the_same(
    work: Path,
) -> None:
    with fake_server(fails, rewritten) as fake:
        cache = {"cache": work / "answers"}
        run(work, "one", asked(fake), concurrency=7, **cache)
        count = fake.asked.total()
        run(work, "two", asked(fake), workers=2, concurrency=1, **cache)
        assert fake.asked.total() == count
        run(work, "three", asked(fake, server={"url": "http://127.0.0.1:9/v1", "key": None}), **cache)
        assert files(work / "one") == files(work / "two") == files(work / "three")
        run(work, "four", asked(fake), concurrency=3)
        assert fake.asked.total() > count  # its own cache
    assert files(work / "four") == files(work / "one")


def test_variants_are_drawn_by_hash_and_asked_once_each(work: Path) -> None:
    def answer(text: str) -> str:
        return f"{text.removeprefix('NOTE ')} {len(answers.setdefault(text, [0]))}"

    answers: dict[str, list[int]] = {}
    with fake_server(answer=answer) as fake:
        run(work, "shards", asked(fake, variants=3, server={"temperature": 0.7}, seed=5))
    seeds = [request["seed"] for request in fake.requests]
    assert set(seeds) == {5, 6, 7}
    assert all(request["temperature"] == 0.7 for request in fake.requests)
    assert len({(request["messages"][0]["content"], request["seed"]) for request in fake.requests}) == len(seeds)


def test_variants_without_temperature_are_refused(work: Path) -> None:
    with fake_server() as fake, pytest.raises(RecipeError, match=r"`variants` needs `server.temperature`"):
        run(work, "shards", asked(fake, variants=2))


def test_a_failed_rewrite_ends_the_run_with_count_reason_and_cure_and_the_next_run_asks_it_alone(
    work: Path,
) -> None:
    def answer(text: str) -> str:
        return "Sure, here is one: take it" if text.endswith((":7", ":8")) else rewritten(text)

    with fake_server(answer=answer) as fake:
        with pytest.raises(LanguageModelError, match=r"2 of 30 .* not rewritten \(2 answer against") as caught:
            run(work, "shards", asked(fake))
        assert "NOTE put cup:tea:8" in str(caught.value)
        assert "on_failure: keep the narration" in caught.value.cure
    assert not (work / "shards/manifest.json").exists()
    assert not list((work / "shards").glob("*.tar"))
    with fake_server(answer=rewritten) as fake:
        assert run(work, "shards", asked(fake)).instructions == {"rewritten": 90, "narration kept": 0}
        assert sorted(fake.asked) == ["NOTE put cup:tea:8", "NOTE turn-on cup:tea:7"]


def test_where_the_recipe_says_so_a_failed_rewrite_keeps_the_narration_and_is_counted(work: Path) -> None:
    def decide(text: str, number: int) -> str:
        return '{"choices": [{"message": {"refusal": "No."}}]}' if text.endswith(":7") else "answer"

    with fake_server(decide, rewritten) as fake:
        section = asked(fake, on_failure="keep the narration")
        assert run(work, "shards", section).instructions == {"rewritten": 87, "narration kept": 3}
        assert run(work, "shards", section).instructions == {"rewritten": 87, "narration kept": 3}
    kept = [
        sample
        for some in samples(work / "shards").values()
        for sample in some
        if not sample.edit_prompt.startswith("please")
    ]
    assert {sample.edit_prompt for sample in kept} == {"turn-on cup:tea:7"}


def test_keeping_the_narration_does_not_keep_it_for_all_where_the_server_is_down(work: Path) -> None:
    with fake_server(lambda *_: "500") as fake, pytest.raises(LanguageModelError, match="in a row"):
        run(work, "shards", asked(fake, on_failure="keep the narration", server={"attempts": 1}))


def test_a_folder_in_a_bucket_needs_a_cache_on_this_machine(work: Path) -> None:
    with fake_server() as fake:
        (work / "mine.yaml").write_text(RECIPE + asked(fake))
    with pytest.raises(StorageError, match="on this machine's disk") as caught:
        shard(work / "mine.yaml", pairs=str(work / "pairs"), out="memory://bucket/shards")
    assert "--cache" in caught.value.cure


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"server": {"url": "ftp://host/v1"}}, "https://HOST/v1"),
        ({"server": {"url": "https://me:secret@host/v1"}}, "no user, password or query"),
        ({"server": {"url": "https://host/v1?key=secret"}}, "no user, password or query"),
        ({"server": {"key": "AWS_SECRET_ACCESS_KEY"}}, "pattern"),
        ({"server": {"key": "HOME"}}, "pattern"),
        ({"server": {"request": {"stream": True}}}, "`stream` is set by actionpairs"),
        ({"server": {"model": ""}}, "server.model"),
        ({"prompt": "Say something."}, "every pair would get the same answer"),
        ({"prompt": "Do {this}"}, "no field of an instruction"),
        ({"on_failure": "ignore"}, "on_failure"),
        ({"by": "magic"}, "instructions"),
    ],
)
def test_wrong_sections_are_refused_without_showing_secrets(work: Path, changes: Any, says: str) -> None:
    with fake_server() as fake, pytest.raises(RecipeError, match=says) as caught:
        run(work, "shards", asked(fake, **changes))
    assert "secret@" not in str(caught.value)
    assert "key=secret" not in str(caught.value)


def test_a_url_with_the_path_of_completions_is_the_url(work: Path) -> None:
    config = ChatModelConfig(url="https://host/v1/chat/completions/", model="m")
    assert config.url == "https://host/v1"


# The command, and what kills it.


def command(work: Path, out: Path, *options: str) -> list[str]:
    start = [sys.executable, "-m", "actionpairs", "shard", str(work / "mine.yaml"), "--pairs", str(work / "pairs")]
    return [*start, "--out", str(out), *options]


@pytest.mark.slow
def test_killed_while_it_asks_500_the_command_goes_on_and_asks_none_again(tmp_path: Path) -> None:
    make_pairs(Folder(tmp_path / "pairs"), 500, wordings=500)
    out, text = tmp_path / "shards", RECIPE

    def lines() -> list[str]:
        path = next((out / "language_model").glob("*.jsonl"), None)
        return path.read_text().split("\n")[:-1] if path else []

    with fake_server(fails, rewritten) as fake:
        (tmp_path / "mine.yaml").write_text(text + asked(fake))
        with subprocess.Popen(command(tmp_path, out), stderr=subprocess.DEVNULL) as process:
            while len(lines()) < 120 and process.poll() is None:
                time.sleep(0.005)
            process.kill()
            assert process.wait() == -9
        time.sleep(0.2)
        cached = [json.loads(line)["question"]["parts"][0] for line in lines()]
        answered = fake.answered.total()
        assert 120 <= len(cached) <= answered <= len(cached) + 8
        done = subprocess.run(
            command(tmp_path, out, "--concurrency", "5", "--json"), capture_output=True, text=True, check=True
        )
        assert {text: fake.answered[text] for text in cached} == dict.fromkeys(cached, 1)
        assert len(fake.answered) == 500
        assert fake.answered.total() <= 500 + 8
        assert json.loads(done.stdout)["instructions"] == {"rewritten": 500, "narration kept": 0}
        shard(tmp_path / "mine.yaml", pairs=str(tmp_path / "pairs"), out=str(tmp_path / "again"))
    assert files(out) == files(tmp_path / "again")
    assert KEY not in done.stdout + done.stderr
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes(), path


@pytest.mark.parametrize("deed", ["key in error", "key in 401", "key in answer", "500"])
def test_no_failure_of_the_command_shows_the_key(work: Path, deed: str) -> None:
    with fake_server(lambda *_: deed) as fake:
        (work / "mine.yaml").write_text(RECIPE + asked(fake, server={"attempts": 1}))
        arguments = command(work, work / "shards")
        arguments.insert(3, "--debug")
        done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "LanguageModelError" in done.stderr
    assert KEY not in done.stdout + done.stderr
    for path in work.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes(), path
