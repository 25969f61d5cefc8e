"""What is pushed is the finished folder and nothing else; it is read back as it was."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from click.testing import CliRunner

import actionpairs
from actionpairs import manifest, shards, stores
from actionpairs.cli import main
from actionpairs.configs import EditorConfig, EvalConfig
from actionpairs.errors import StorageError, UnreachableError
from actionpairs.keys import Config
from actionpairs.manifest import FileDigest, StageSpec
from actionpairs.stages.merge import merge
from actionpairs.stages.push import push
from actionpairs.storage import Folder
from actionpairs.uploads import upload
from tests.fake_hub import TOKEN, FakeHub, Fault
from tests.stages.merged_sets import Pair, write_set

TABLETOP = Path(actionpairs.__file__).parent / "weights/tabletop"
CARD = "---\nlibrary_name: diffusers\npipeline_tag: image-to-image\ntags: [actionpairs]\n---\n# Editor\n"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A finished shards folder of two data sets under licenses that let everyone pass frames on."""
    return shards_folder(tmp_path, {"license": "cc-by-4.0"}, {"license": "cc-by-nc-4.0"})


def shards_folder(path: Path, *sources: dict[str, str]) -> Path:
    """Shards with a card: a data set of each source, merged."""
    inputs = []
    for number, source in enumerate(sources):
        name = f"S{number}"
        pairs = [Pair(f"s{n}", f"{name}-train", 50 * number + n) for n in range(5)]
        pairs += [Pair("t0", f"{name}test", 50 * number + 40)]
        inputs.append(write_set(path / name, name, pairs, tests=[f"{name}test"], source=source))
    merge(inputs, out=str(path / "data"), name="both", executor="serial")
    return path / "data"


def finished(path: Path, stage: str, config: Config, files: dict[str, bytes], inputs: dict[str, str]) -> Path:
    """A finished folder of a stage with these files."""
    folder, spec = Folder(path), StageSpec(stage, "mine", config, inputs)
    with manifest.working(folder, spec):
        for name, content in files.items():
            folder.write_bytes(name, content)
        names = [*files, "recipe.json"] if stage == "train" else list(files)
        digests = {name: FileDigest.of_file(folder, name) for name in names}
        manifest.finish(folder, spec, counts={}, files=digests)
    return path


def model_folder(path: Path, source: str = "tabletop", card: str = CARD) -> Path:
    """The shipped model as `train` writes one, with a checkpoint and logs that a killed run left."""
    config = EditorConfig.model_validate({"task": "editor", "model": {"source": source}, "resolution": 64})
    weights = {
        str(each.relative_to(TABLETOP)): each.read_bytes() for each in TABLETOP.rglob("*") if each.is_file()
    }
    del weights["recipe.json"]
    finished(path, "train", config, {**weights, "README.md": card.encode()}, {"shards 0": "x"})
    for extra in (
        "checkpoints/step-000002/optimizer.bin",
        "tensorboard/events.out.host",
        "losses.csv",
        "cache/a.npy",
    ):
        Folder(path).write_bytes(extra, b"of this run alone")
    return path


def report_folder(path: Path) -> Path:
    """A finished report, with the judge's cache beside it."""
    pq.write_table(pa.table({"key": ["a"], "SSIM": [0.5]}), path.parent / "scores.parquet")
    files = {
        "report.json": b"{}",
        "report.md": b"| row | SSIM |\nmodel: /home/ann/models/mine, digest 1.\n",
        "index.html": b"<p>page",
        "judge.parquet": b"",
    }
    files |= {"predictions/model/a.png": b"png", "scores.parquet": (path.parent / "scores.parquet").read_bytes()}
    files["judge.parquet"] = files["scores.parquet"]
    finished(path, "eval", EvalConfig(), files, {"split": "LCtest500", "shards": "y"})
    Folder(path).write_bytes("judge/answers.sqlite", b"Authorization: Bearer sk-secret")
    return path


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def pushed(hub: FakeHub, name: str, kind: str = "dataset", revision: str = "main") -> dict[str, bytes]:
    """What a repository has besides the hub's own file."""
    files = dict(hub.repositories[kind, name].files(revision) or {})
    files.pop(".gitattributes", None)
    return files


def test_shards_go_up_in_one_commit_and_are_read_back(data: Path, hub: FakeHub, tmp_path: Path) -> None:
    summary = push(str(data), "hf://ann/both")
    repository = hub.repositories["dataset", "ann/both"]
    assert pushed(hub, "ann/both") == content(data)
    assert (len(repository.commits), repository.private) == (2, True)
    assert (summary.new_files, summary.present, summary.out) == (
        len(content(data)),
        0,
        f"{hub.url}/datasets/ann/both",
    )
    near, far = Folder(data), Folder(summary.url)
    entries = shards.load_entries(far, "both-train")
    assert entries == shards.load_entries(near, "both-train")
    pictures = [shards.load_pictures(far, entry) for entry in entries]
    assert pictures == [shards.load_pictures(near, entry) for entry in entries]
    url = "hf://datasets/ann/both"
    stats = [CliRunner().invoke(main, ["stats", where, "--json"]).stdout for where in (url, str(data))]
    tables = [{**json.loads(each), "folder": ""} for each in stats]
    assert tables[0] == tables[1]
    copied = CliRunner().invoke(main, ["merge", url, "--out", str(tmp_path / "copy"), "--executor", "serial"])
    assert copied.exit_code == 0, copied.output


@pytest.mark.slow
def test_a_dry_run_of_training_reads_shards_and_model_from_the_hub(
    data: Path, hub: FakeHub, tmp_path: Path
) -> None:
    push(str(data), "hf://ann/both")
    push(str(model_folder(tmp_path / "model")), "hf://ann/editor")
    command = ["train", "static-only", "--set", "train.resolution=64", "--dry-run", "--json", "--shards"]
    near = CliRunner().invoke(main, [*command, str(data), "--set", "train.model.source=tabletop"])
    far = CliRunner().invoke(
        main, [*command, "hf://datasets/ann/both", "--set", "train.model.source=hf://ann/editor"]
    )
    assert far.exit_code == 0, far.output
    assert json.loads(far.stdout)["pairs"] == json.loads(near.stdout)["pairs"]


def test_datasets_loads_what_was_pushed_by_its_card(data: Path, hub: FakeHub) -> None:
    pytest.importorskip("datasets")
    push(str(data), "hf://ann/both")
    script = (
        "import datasets; loaded = datasets.load_dataset('ann/both');"
        "print({name: len(rows) for name, rows in sorted(loaded.items())}, loaded['train'][0]['edit_prompt.txt'])"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env={**os.environ})
    assert "{'S0test': 1, 'S1test': 1, 'train': 10} take the cup" in result.stdout, result.stderr


def test_what_is_there_is_not_sent_again_and_nothing_is_removed(data: Path, hub: FakeHub) -> None:
    push(str(data), "hf://ann/both")
    repository, sent = hub.repositories["dataset", "ann/both"], len(hub.uploaded)
    again = push(str(data), "hf://ann/both")
    assert (again.new_files, again.present, len(hub.uploaded)) == (0, len(content(data)), sent)
    assert again.url.endswith(repository.branches["main"])
    files = {**repository.files("main"), "README.md": b"changed on the hub", "notes.txt": b"mine"}
    repository.commit(files)
    mended = push(str(data), "hf://ann/both", message="mended")
    assert (mended.new_files, mended.others, repository.messages[-1]) == (1, 1, "mended")
    assert pushed(hub, "ann/both") == {**content(data), "notes.txt": b"mine"}


def test_an_upload_that_was_stopped_goes_on(data: Path, hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "RETRY_SECONDS", 0.1)
    is_broken = True

    def fault(method: str, path: str, number: int) -> Fault | None:
        return (507, {}) if is_broken and method == "PUT" and len(hub.uploaded) >= 3 else None

    hub.fault = fault
    with pytest.raises(UnreachableError, match="HTTP 507"):
        push(str(data), "hf://ann/both")
    assert pushed(hub, "ann/both") == {}
    is_broken, sent = False, list(hub.uploaded)
    push(str(data), "hf://ann/both")
    assert pushed(hub, "ann/both") == content(data)
    assert len(set(hub.uploaded)) == len(hub.uploaded) > len(sent) >= 3


def test_a_commit_whose_answer_was_lost_is_not_made_twice(data: Path, hub: FakeHub) -> None:
    repository = hub.create("ann/both", private=True)
    original, answers = repository.commit, []

    def commit(*arguments: Any) -> str:
        answers.append(original(*arguments))
        hub.fault = lambda method, path, number: None
        raise ConnectionResetError

    hub.repositories["dataset", "ann/both"].commit = commit  # type: ignore[method-assign]
    push(str(data), "hf://ann/both")
    assert len(answers) == 1
    assert pushed(hub, "ann/both") == content(data)


def test_a_busy_hub_is_waited_for(data: Path, hub: FakeHub) -> None:
    waits: dict[str, Fault] = {"commit": (503, {}), "preupload": (429, {"Retry-After": "0"}), "tree": (429, {})}

    def fault(method: str, path: str, number: int) -> Fault | None:
        return next((answer for part, answer in waits.items() if f"/{part}/" in path and number == 0), None)

    hub.fault = fault
    push(str(data), "hf://ann/both")
    assert pushed(hub, "ann/both") == content(data)


def test_more_files_than_a_commit_takes_go_up_in_several_with_the_manifest_last(
    data: Path, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(str(data), "hf://ann/both")
    repository = hub.repositories["dataset", "ann/both"]
    repository.commit({"manifest.json": b"of an earlier folder"})
    before = len(repository.commits)
    monkeypatch.setattr(upload, "_MOST_PER_COMMIT", 4)
    push(str(data), "hf://ann/both")
    assert pushed(hub, "ann/both") == content(data)
    steps = [set(files) for files in list(repository.commits.values())[before:]]
    assert len(steps) > 1
    assert ["manifest.json" in step for step in steps] == [False] * (len(steps) - 1) + [True]


def test_a_manifest_that_is_there_already_comes_back_after_several_commits(
    data: Path, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(str(data), "hf://ann/both")
    repository = hub.repositories["dataset", "ann/both"]
    repository.commit({"manifest.json": content(data)["manifest.json"]})  # somebody removed all other files
    monkeypatch.setattr(upload, "_MOST_PER_COMMIT", 4)
    push(str(data), "hf://ann/both")
    assert pushed(hub, "ann/both") == content(data)


def test_a_model_goes_up_without_checkpoints_and_logs_and_edits_as_before(hub: FakeHub, tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "model")
    summary = push(str(folder), "hf://ann/editor")
    listed = set(json.loads((folder / "manifest.json").read_text())["files"]) | {"manifest.json"}
    assert set(pushed(hub, "ann/editor", "model")) == listed
    cv2.imwrite(str(tmp_path / "in.png"), np.full((64, 64, 3), 120, np.uint8))
    edits = []
    for source in (str(folder), "hf://ann/editor", summary.url, "ann/editor", "ann/editor@main"):
        out = tmp_path / "out.png"
        actionpairs.edit(source, str(tmp_path / "in.png"), "take the pan", out=str(out), steps=1, device="cpu")
        edits.append(out.read_bytes())
    assert len(set(edits)) == 1
    digests = [manifest.folder_digest(Folder(where)) for where in (folder, summary.url)]
    assert digests[0] == digests[1]


def test_a_report_is_a_static_space_or_a_data_set(hub: FakeHub, tmp_path: Path) -> None:
    folder = report_folder(tmp_path / "report")
    options: dict[str, Any] = {"i_have_the_right": True}
    assert push(str(folder), "hf://ann/report", **options).repository == "hf://spaces/ann/report"
    assert hub.repositories["space", "ann/report"].sdk == "static"
    files = pushed(hub, "ann/report", "space")
    _, front, body = files["README.md"].decode().split("---\n", 2)
    assert {**yaml.safe_load(front), "title": ""}.items() >= {"sdk": "static", "app_file": "index.html"}.items()
    assert "| row | SSIM |" in body
    assert "model: mine, digest 1." in body
    assert not [name for name in files if name.startswith("judge/")]
    push(str(folder), "hf://datasets/ann/report", **options)
    card = pushed(hub, "ann/report")["README.md"].decode()
    assert "path: scores.parquet" in card
    with pytest.raises(StorageError, match=r"a model, and .* holds report") as caught:
        push(str(folder), "hf://models/ann/report", **options)
    assert "hf://spaces/ann/report" in caught.value.cure


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda data: (data / "manifest.json").unlink(), "`shard` has not finished here"),
        (lambda data: (data / "both-train.parquet").write_bytes(b"x"), "not the bytes that `shard` wrote"),
        (lambda data: (data / "rejected.parquet").unlink(), "not there"),
        (lambda data: (data / "old-000000.tar").write_bytes(b"x"), "no shard of this data set"),
        (lambda data: shutil.rmtree(data), "no folder that actionpairs wrote"),
    ],
)
def test_a_folder_that_is_not_what_its_manifest_says_is_refused(
    break_it: Any, message: str, data: Path, hub: FakeHub
) -> None:
    break_it(data)
    with pytest.raises(actionpairs.errors.ActionpairsError, match=message):
        push(str(data), "hf://ann/both")
    assert hub.requests == []


def test_a_manifest_cannot_name_files_outside_its_folder(data: Path, hub: FakeHub, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"key")
    listed = json.loads((data / "manifest.json").read_text())
    listed["files"]["../secret"] = {"sha256": FileDigest.of(b"key").sha256, "size_bytes": 3}
    (data / "manifest.json").write_text(json.dumps(listed))
    with pytest.raises(StorageError, match=r"'\.\./secret' is no file of it"):
        push(str(data), "hf://ann/both")


def test_frames_under_a_license_of_their_own_need_a_word(hub: FakeHub, tmp_path: Path) -> None:
    mpii = {"name": "MPII Cooking 2", "license": "other", "terms": "Ask there."}
    folder = shards_folder(tmp_path, {"license": "cc-by-4.0"}, mpii, {"name": "my clips"})
    with pytest.raises(StorageError) as caught:
        push(str(folder), "hf://ann/both")
    assert "The license of MPII Cooking 2 (other) does not let everyone pass its frames on. Ask there." in str(
        caught.value
    )
    assert "under which license my clips may be passed on" in caught.value.message
    assert "--i-have-the-right" in caught.value.cure
    assert hub.requests == []
    assert push(str(folder), "hf://ann/both", i_have_the_right=True).new_files > 0


def test_a_repository_that_everyone_may_read_is_not_taken_for_a_private_one(data: Path, hub: FakeHub) -> None:
    hub.create("ann/both")
    with pytest.raises(StorageError, match="everyone may read it") as caught:
        push(str(data), "hf://ann/both@new")
    assert list(hub.repositories["dataset", "ann/both"].branches) == ["main"]
    assert "--public" in caught.value.cure
    assert pushed(hub, "ann/both") == {}
    assert push(str(data), "hf://ann/both", private=False).visibility == "public"


def test_shards_of_another_set_are_not_mixed_with_these(data: Path, hub: FakeHub) -> None:
    hub.create("ann/both", private=True).commit({"both-train-000099.tar": b"old"})
    with pytest.raises(StorageError, match=r"1 shards that are not of .*both-train-000099\.tar") as caught:
        push(str(data), "hf://ann/both")
    assert "hf repos delete-files ann/both both-train-000099.tar --type dataset" in caught.value.cure
    assert push(str(data), "hf://ann/both@second/part").url.endswith("/part")
    assert set(pushed(hub, "ann/both", revision="second")) == {f"part/{name}" for name in content(data)} | {
        "both-train-000099.tar"
    }


def test_paths_of_this_machine_do_not_go_up(hub: FakeHub, tmp_path: Path) -> None:
    base = tmp_path / "people/ann/base model"
    card = f"{CARD}\nfrom_pretrained('{base}/unet')\nsee /home/ann/x/y.yaml and https://host/home/page\n"
    folder = model_folder(tmp_path / "model", source=str(base), card=card)
    summary = push(str(folder), "hf://ann/editor")
    files = pushed(hub, "ann/editor", "model")
    for name, data in files.items():
        assert not any(text in data for text in (str(tmp_path).encode(), b"/home/ann")), name
    assert b"see y.yaml and https://host/home/page" in files["README.md"]
    assert json.loads(files["recipe.json"])["config"]["model"]["source"] == "base model"
    assert summary.shortened[str(base)] == "base model"
    listed = json.loads(files["manifest.json"])["files"]
    assert {name: FileDigest.of(files[name]).sha256 for name in listed} == {
        name: digest["sha256"] for name, digest in listed.items()
    }
    assert push(str(folder), "hf://ann/editor").new_files == 0


def test_a_dry_run_asks_the_hub_nothing(data: Path, hub: FakeHub) -> None:
    result = CliRunner().invoke(main, ["push", str(data), "hf://ann/both", "--dry-run", "--json"])
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert (summary["repository"], summary["url"]) == ("hf://datasets/ann/both", "")
    assert summary["new_files"] == len(content(data))
    assert hub.requests == []


def test_no_error_shows_the_token_or_a_signed_address(
    data: Path, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "RETRY_SECONDS", 0.1)
    for method, status in (("PUT", 403), ("POST", 403), ("GET", 401), ("POST", 402)):
        hub.fault = lambda used, path, number, method=method, status=status: (  # type: ignore[misc]
            (status, {"X-Error-Message": f"{TOKEN} may not"}) if used == method else None
        )
        result = CliRunner().invoke(main, ["push", str(data), f"hf://ann/{method.lower()}{status}"])
        assert result.exit_code == 1
        assert "error: " in result.output
        assert TOKEN not in result.output
        assert "hidden" not in result.output


def test_a_card_that_the_hub_refuses_is_an_error_before_anything_is_sent(hub: FakeHub, tmp_path: Path) -> None:
    card = CARD.replace("tags:", "license: no-such-license\ntags:")
    with pytest.raises(StorageError, match='"license" must be one of'):
        push(str(model_folder(tmp_path / "model", card=card)), "hf://ann/editor")
    assert hub.uploaded == []
    broken = model_folder(tmp_path / "broken", card="---\ntags: [a\n---\n")
    with pytest.raises(StorageError, match="front matter is not valid"):
        push(str(broken), "hf://ann/editor")


@pytest.mark.parametrize("url", ["ann/both", "s3://bucket/both", "hf://buckets/ann/both", "hf://both"])
def test_only_repositories_of_the_hub_are_pushed_to(url: str, data: Path, hub: FakeHub) -> None:
    with pytest.raises(StorageError) as caught:
        push(str(data), url)
    assert "OWNER/NAME" in caught.value.cure


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_commit_is_no_place_to_push_to(dry_run: bool, data: Path, hub: FakeHub) -> None:
    with pytest.raises(StorageError, match="a commit does not change"):
        push(str(data), f"hf://ann/both@{'0' * 40}", dry_run=dry_run)
