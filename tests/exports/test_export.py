"""An export is complete, the same bytes every time, goes on where it stopped, and stays in its folder."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from actionpairs import exports as room
from actionpairs import manifest, shards
from actionpairs.cli import main
from actionpairs.errors import RecipeError, ShardError, StorageError
from actionpairs.exports import picture_files, targets
from actionpairs.exports.contents import load_contents
from actionpairs.manifest import FileDigest
from actionpairs.stages.export import export
from actionpairs.storage import Folder
from tests.exports.conftest import TEST, TEXTS, TRAIN, RunExport, sample, write_shards


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_command_offers_every_layout() -> None:
    assert tuple(targets.BY_NAME) == room.TARGETS


@pytest.mark.parametrize("to", room.TARGETS)
def test_every_jpeg_is_copied_as_it_is(run_export: RunExport, to: str) -> None:
    exported = run_export(to)
    assert exported.summary.pairs == {TRAIN: 7, TEST: 3}
    for split in (TRAIN, TEST):
        for entry in exported.entries(split):
            names = targets.BY_NAME[to].pictures(entry.key)
            assert tuple(exported.bytes_of(f"{split}/{name}") for name in names) == exported.pictures(entry)


@pytest.mark.parametrize("to", room.TARGETS)
def test_two_exports_are_the_same_bytes(run_export: RunExport, to: str) -> None:
    assert content(run_export(to, name="one").path) == content(run_export(to, name="elsewhere/two").path)


def test_the_number_of_workers_changes_no_byte(run_export: RunExport, monkeypatch: pytest.MonkeyPatch) -> None:
    one = run_export("ai-toolkit", name="one")
    monkeypatch.setattr(picture_files, "_PAIRS_PER_TASK", 2)
    two = run_export("ai-toolkit", name="two", executor="local", workers=2)
    assert content(one.path) == content(two.path)


@pytest.mark.parametrize("to", room.TARGETS)
def test_the_manifest_has_every_file(run_export: RunExport, to: str) -> None:
    path = run_export(to).path
    files = manifest.load(Folder(path), stage="export").files
    assert set(files) == set(content(path)) - {"manifest.json"}
    assert all(FileDigest.of((path / name).read_bytes()) == digest for name, digest in files.items())


def test_a_stopped_export_goes_on(
    run_export: RunExport, shards_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run_export("ai-toolkit", name="whole")
    original, calls = Folder.write_bytes, []

    def stop_at_tenth(self: Folder, name: str, data: bytes) -> None:
        calls.append(name)
        if len(calls) == 10:
            raise KeyboardInterrupt
        original(self, name, data)

    monkeypatch.setattr(Folder, "write_bytes", stop_at_tenth)
    with pytest.raises(KeyboardInterrupt):
        run_export("ai-toolkit", name="stopped")
    with pytest.raises(StorageError, match="has not finished"):
        manifest.load(Folder(tmp_path / "stopped"), stage="export")
    before = set(calls[:9])
    calls[:] = [""] * 10  # no further stop
    went_on = run_export("ai-toolkit", name="stopped")
    assert before & set(calls) <= {manifest.RECIPE_FILE}
    assert content(went_on.path) == content(whole.path)


def test_a_finished_export_is_not_written_again(run_export: RunExport, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run_export("folder")
    monkeypatch.setattr("actionpairs.stages.export.write_pictures", None)
    assert run_export("folder").summary == first.summary


def test_another_layout_needs_another_folder(run_export: RunExport) -> None:
    run_export("folder")
    with pytest.raises(StorageError, match="another recipe"):
        run_export("musubi")


def test_a_split_alone_is_exported_without_a_config(run_export: RunExport) -> None:
    exported = run_export("musubi", splits=[TEST])
    assert set(exported.summary.pairs) == {TEST}
    assert exported.summary.start == ""
    assert {name.split("/")[0] for name in content(exported.path)} == {TEST, "manifest.json", "recipe.json"}


def test_an_unknown_split_is_an_error_with_the_names_of_all(run_export: RunExport) -> None:
    with pytest.raises(ShardError, match="LC-tset") as error:
        run_export("folder", splits=["LC-tset"])
    assert f"{TRAIN}, {TEST}" in error.value.cure


def test_an_unknown_layout_is_an_error_with_the_names_of_all(run_export: RunExport) -> None:
    with pytest.raises(RecipeError, match="kohya") as error:
        run_export("kohya")
    assert "musubi" in error.value.cure


@pytest.mark.parametrize("name", ["../x", "a/b", "train.sh", "", "-x", "."])
def test_no_split_or_key_leads_out_of_the_folder(
    shards_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    entries = shards.load_entries(Folder(shards_path), TRAIN)
    monkeypatch.setattr(shards, "load_entries", lambda *_: (replace(entries[0], key=name), *entries[1:]))
    with pytest.raises(ShardError, match="no plain file name"):
        load_contents(Folder(shards_path), [TRAIN])
    monkeypatch.setattr(shards, "load_entries", lambda *_: entries)
    with pytest.raises(ShardError, match="no plain file name"):
        load_contents(Folder(shards_path), [name])


def test_two_samples_of_one_key_are_an_error(shards_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = shards.load_entries(Folder(shards_path), TRAIN)
    monkeypatch.setattr(shards, "load_entries", lambda *_: (*entries, entries[0]))
    with pytest.raises(ShardError, match="one key"):
        load_contents(Folder(shards_path), [TRAIN])


def test_validation_pictures_are_of_the_test_split_and_their_prompts_plain(tmp_path: Path) -> None:
    numbers = [(number, TRAIN) for number in (8, 9)] + [(number, TEST) for number in range(8)]
    write_shards(tmp_path / "shards", [sample(number, split) for number, split in numbers])
    contents = load_contents(Folder(tmp_path / "shards"), [])
    assert {picture.prompt for picture in contents.validation} == {TEXTS[number] for number in (1, 2, 4, 7)}
    assert contents.test == TEST


def test_validation_sizes_are_multiples_in_the_shape_of_the_picture(shards_path: Path) -> None:
    contents = load_contents(Folder(shards_path), [])
    assert contents.side == 256
    assert {(picture.width, picture.height) for picture in contents.validation} == {(320, 192), (256, 192)}
    assert contents.sizes == {(320, 180): 7, (256, 192): 3}


def test_the_command_prints_how_training_starts(shards_path: Path, tmp_path: Path) -> None:
    out = tmp_path / "a folder"
    arguments = ["export", str(shards_path), "--to", "musubi", "--out", str(out), "--executor", "serial", "--json"]
    result = CliRunner().invoke(main, arguments)
    printed = json.loads(result.stdout)
    assert printed["start"] == f"sh '{out}/train.sh' PATH/TO/musubi-tuner"
    assert printed["pairs"] == {TRAIN: 7, TEST: 3}


SCRIPTS = [(to, name) for to, target in targets.BY_NAME.items() for name in target.configs if name.endswith(".sh")]
RECORD = """#!/bin/sh
printf "%s\\0" "$(pwd)" "$(basename "$0")" "$@" >> "$LOG"
printf "\\n\\0" >> "$LOG"
"""


def record(exported_path: Path, script: str, tmp_path: Path) -> list[list[str]]:
    """The commands that a script starts: the folder of each, its program and its arguments."""
    programs, trainer, log = tmp_path / "bin", tmp_path / "the trainer", tmp_path / "log"
    (trainer / "src/musubi_tuner").mkdir(parents=True)
    programs.mkdir()
    for program in ("python", "accelerate", "simpletuner"):
        (programs / program).write_text(RECORD)
        (programs / program).chmod(0o755)
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "LOG": str(log)}
    command = ["sh", str(exported_path / script), str(trainer)]
    subprocess.run(command, env=environment, check=True, cwd="/")
    return [part.split("\0")[:-1] for part in log.read_text().split("\n\0")[:-1]]


@pytest.mark.parametrize(("to", "script"), SCRIPTS)
def test_a_script_runs_from_anywhere_and_its_files_are_there(
    run_export: RunExport, tmp_path: Path, to: str, script: str
) -> None:
    exported = run_export(to, name="an export")
    commands = record(exported.path, script, tmp_path)
    assert commands[-1][1] in {"accelerate", "python", "simpletuner"}
    for where, _, *words in commands:
        assert Path(where) in {exported.path, tmp_path / "the trainer"}
        assert not {"\\", "", "\n"} & set(words)
        for word in words:
            path = Path(where, word.rpartition("=")[2])
            if path.is_relative_to(exported.path) and path.suffix in {".yaml", ".yml", ".toml", ".json", ".jpg"}:
                assert path.is_file()


def test_an_instruction_is_one_word_of_a_script(run_export: RunExport, tmp_path: Path) -> None:
    [command] = record(run_export("diffusers").path, "train_flux2_klein.sh", tmp_path)
    assert "--validation_prompt=take the cup" in command


def test_a_folder_of_another_stage_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="`shard` has not finished"):
        export(str(tmp_path), to="folder", out=str(tmp_path / "out"))
