"""Models open in every layout that they are released in, or are refused with a cure; no pickle runs code."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import torch
from diffusers import DiffusionPipeline, UNet2DConditionModel
from huggingface_hub import constants
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
)
from safetensors.torch import load_file, save_file

from actionpairs.errors import ModelError
from actionpairs.model_files.folders import Weights, choose
from actionpairs.model_files.released import open_pipeline, pipeline_class_name, resolve, shipped
from tests.editors import tiny_pipelines
from tests.model_files.released_layouts import averaged, differing, instruct_pix2pix, original, save_with_lightning

CLASS = "StableDiffusionInstructPix2PixPipeline"


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any, **options: Any) -> None:
        pytest.fail("a test asks the network")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    monkeypatch.setattr(socket.socket, "connect", fail)


@pytest.fixture(scope="module")
def model() -> DiffusionPipeline:
    return instruct_pix2pix()


@pytest.fixture(scope="module")
def released(model: DiffusionPipeline, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("released") / "model"
    model.save_pretrained(path)
    return path


@pytest.fixture
def folder(released: Path, tmp_path: Path) -> Path:
    """A copy that the test may change."""
    return Path(shutil.copytree(released, tmp_path / "model"))


@pytest.fixture(scope="module")
def configs(released: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same folder without weights."""
    path = tmp_path_factory.mktemp("configs") / "model"
    return Path(shutil.copytree(released, path, ignore=shutil.ignore_patterns("*.safetensors")))


def edit_json(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def pickled(folder: Path, part: str) -> Path:
    """Turn a part's safetensors into .bin."""
    weights = next((folder / part).glob("*.safetensors"))
    name = "pytorch_model.bin" if part == "text_encoder" else "diffusion_pytorch_model.bin"
    torch.save(load_file(weights), weights.with_name(name))
    weights.unlink()
    return weights.with_name(name)


def test_a_folder_opens_with_the_same_weights(model: DiffusionPipeline, released: Path) -> None:
    opened = open_pipeline(str(released))
    assert type(opened).__name__ == CLASS == pipeline_class_name(str(released))
    assert not differing(opened, model)
    assert opened.safety_checker is None
    assert not opened.unet.training


def test_another_family_opens_by_the_class_that_it_names(tmp_path: Path) -> None:
    pipeline = tiny_pipelines.build("kontext")
    pipeline.save_pretrained(tmp_path)
    opened = open_pipeline(str(tmp_path))
    assert type(opened) is type(pipeline)
    assert pipeline_class_name(str(tmp_path)) == "FluxKontextPipeline"
    for part in ("transformer", "vae", "text_encoder", "text_encoder_2"):
        states = getattr(pipeline, part).state_dict(), getattr(opened, part).state_dict()
        assert all(torch.equal(states[1][name], tensor) for name, tensor in states[0].items())


def test_a_package_that_is_not_installed_is_named(released: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any, **options: Any) -> None:
        raise ImportError("bitsandbytes is needed")

    monkeypatch.setattr(UNet2DConditionModel, "from_pretrained", fail)
    with pytest.raises(ModelError, match="bitsandbytes is needed") as caught:
        open_pipeline(str(released))
    assert caught.value.cure == "Install the package that it names."


def test_a_shipped_model_opens_by_its_name() -> None:
    assert shipped()
    for name in shipped():
        assert Path(resolve(name), "model_index.json").is_file()
        assert pipeline_class_name(name) == CLASS
    assert resolve("org/model") == "org/model"


@pytest.mark.parametrize("parts", [("unet", "vae", "text_encoder"), ("vae",)])
def test_fp16_variants_open_in_float32_where_there_is_nothing_else(
    folder: Path, model: DiffusionPipeline, parts: tuple[str, ...]
) -> None:
    for part in parts:
        for weights in (folder / part).glob("*.safetensors"):
            state = {name: tensor.half() for name, tensor in load_file(weights).items()}
            save_file(state, weights.with_suffix(".fp16.safetensors"), metadata={"format": "pt"})
            weights.unlink()
    opened = open_pipeline(str(folder))
    assert {
        weight.dtype for part in ("unet", "vae", "text_encoder") for weight in getattr(opened, part).parameters()
    } == {torch.float32}
    assert {name.partition(".")[0] for name in differing(opened, model)} == set(parts)  # these alone are rounded
    assert torch.equal(opened.vae.encoder.conv_in.weight, model.vae.encoder.conv_in.weight.half().float())


def test_full_precision_is_taken_where_an_fp16_variant_lies_beside_it(
    folder: Path, model: DiffusionPipeline
) -> None:
    weights = folder / "unet/diffusion_pytorch_model.safetensors"
    zeros = {name: torch.zeros_like(tensor).half() for name, tensor in load_file(weights).items()}
    save_file(zeros, weights.with_suffix(".fp16.safetensors"), metadata={"format": "pt"})
    for name in ("model.safetensors",):
        (folder / "text_encoder" / name).rename(folder / "text_encoder/model.fp16.safetensors")
    assert not differing(open_pipeline(str(folder)), model)


@pytest.mark.parametrize("variant", [None, "fp16"])
def test_sharded_weights_open(
    model: DiffusionPipeline, released: Path, tmp_path: Path, variant: str | None
) -> None:
    folder = Path(shutil.copytree(released, tmp_path / "model", ignore=shutil.ignore_patterns("*.safetensors")))
    for part in ("unet", "text_encoder"):
        getattr(model, part).save_pretrained(folder / part, max_shard_size="20KB", variant=variant)
        assert len(list((folder / part).glob("*.safetensors"))) > 1
    shutil.copy(released / "vae/diffusion_pytorch_model.safetensors", folder / "vae")
    assert not differing(open_pipeline(str(folder)), model)
    next((folder / "unet").glob("*00002-of-*.safetensors")).unlink()
    with pytest.raises(ModelError, match="cannot be loaded"):
        open_pipeline(str(folder))


def test_pickled_weights_open(folder: Path, model: DiffusionPipeline) -> None:
    for part in ("unet", "vae", "text_encoder"):
        pickled(folder, part)
    assert not differing(open_pipeline(str(folder)), model)


class Malicious:
    """Unpickling it makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("part", ["unet", "text_encoder"])
@pytest.mark.parametrize("is_zip", [True, False])
def test_a_pickle_with_code_is_refused_and_does_not_run(
    folder: Path, tmp_path: Path, part: str, is_zip: bool
) -> None:
    path = pickled(folder, part)
    content = {**torch.load(path, weights_only=True), "more": Malicious(tmp_path / "ran")}
    torch.save(content, path, _use_new_zipfile_serialization=is_zip)
    with pytest.raises(ModelError, match=r"posix\.mkdir" if is_zip else "cannot be loaded"):
        open_pipeline(str(folder))
    assert not (tmp_path / "ran").exists()
    pickle.loads(pickle.dumps(Malicious(tmp_path / "ran")))
    assert (tmp_path / "ran").exists()  # what would have run


def test_a_pickle_beside_safetensors_is_not_opened(folder: Path, model: DiffusionPipeline) -> None:
    (folder / "unet/diffusion_pytorch_model.bin").write_bytes(b"not weights")
    (folder / "text_encoder/pytorch_model.bin").write_bytes(b"not weights")
    assert not differing(open_pipeline(str(folder)), model)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["model.fp16.safetensors", "pytorch_model.bin"], Weights(None, "bin")),
        (["model.bf16.safetensors", "model.fp16.bin", "config.json"], Weights("fp16", "bin")),
        (["diffusion_pytorch_model-00001-of-00002.fp16.safetensors"], Weights("fp16", "safetensors")),
        (["diffusion_pytorch_model.fp16-00001-of-00002.safetensors"], Weights("fp16", "safetensors")),
        (["diffusion_pytorch_model.non_ema.bin", "diffusion_pytorch_model.bin"], Weights(None, "bin")),
        (["flax_model.msgpack", "diffusion_flax_model.msgpack", "model.onnx"], None),
    ],
)
def test_one_set_of_weights_is_chosen_of_several(names: list[str], expected: Weights | None) -> None:
    assert choose(names) == expected


def test_older_attention_names_and_older_configs_open(folder: Path, model: DiffusionPipeline) -> None:
    """As timbrooks/instruct-pix2pix was saved by diffusers 0.12 and transformers 4."""
    path = folder / "vae/diffusion_pytorch_model.safetensors"
    state = load_file(path)
    for new, old in {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}.items():
        state = {name.replace(f".{new}.", f".{old}."): tensor for name, tensor in state.items()}
    assert any(".proj_attn." in name for name in state)
    save_file(state, path, metadata={"format": "pt"})
    path = folder / "text_encoder/model.safetensors"
    state = {f"text_model.{name}": tensor for name, tensor in load_file(path).items()}
    save_file(
        {**state, "text_model.embeddings.position_ids": torch.arange(77)[None]}, path, metadata={"format": "pt"}
    )
    new = {"scaling_factor", "force_upcast", "mid_block_add_attention", "use_quant_conv", "latents_mean"}
    newer = {
        "num_attention_heads",
        "transformer_layers_per_block",
        "reverse_transformer_layers_per_block",
        "dropout",
    }
    for part, names in (("vae", new), ("unet", newer)):
        edit_json(
            folder / part / "config.json", lambda config, names=names: [config.pop(name, 0) for name in names]
        )
        edit_json(folder / part / "config.json", lambda config: config.update(_diffusers_version="0.12.0.dev0"))
    edit_json(folder / "unet/config.json", lambda config: config.update(an_option_of_the_past=True))
    opened = open_pipeline(str(folder))
    assert not differing(opened, model)
    assert opened.vae.config.scaling_factor == 0.18215


def test_a_listed_safety_checker_is_not_needed(folder: Path, model: DiffusionPipeline) -> None:
    listed = {
        "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"],
        "feature_extractor": ["transformers", "CLIPFeatureExtractor"],  # transformers 5 has no such class
        "requires_safety_checker": True,
    }
    edit_json(folder / "model_index.json", lambda index: index.update(listed))
    opened = open_pipeline(str(folder))
    assert not differing(opened, model)
    assert opened.safety_checker is None
    assert opened.feature_extractor is None


def test_the_denoiser_alone_takes_options(
    released: Path, model: DiffusionPipeline, configs: Path, tmp_path: Path
) -> None:
    save_file(original(model), tmp_path / "checkpoint.safetensors")
    options = {"dtype": torch.float32, "sample_size": 99}
    for source in (released, tmp_path / "checkpoint.safetensors"):
        config = str(configs) if source.is_file() else None
        opened = open_pipeline(str(source), dtype=torch.bfloat16, denoiser_options=options, config=config)
        assert (opened.unet.dtype, opened.unet.config.sample_size) == (torch.float32, 99)
        assert (opened.vae.dtype, opened.vae.config.sample_size) == (torch.bfloat16, 64)
        assert opened.text_encoder.dtype == torch.bfloat16
        assert torch.equal(opened.unet.conv_in.weight, model.unet.conv_in.weight)


def test_a_file_without_some_weights_is_refused(folder: Path) -> None:
    path = folder / "unet/diffusion_pytorch_model.safetensors"
    state = load_file(path)
    del state["conv_in.weight"]
    save_file(state, path, metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"its unet lacks 1 of its weights, such as conv_in\.weight"):
        open_pipeline(str(folder))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: shutil.rmtree(folder / "vae"), "its part `vae` is missing"),
        (lambda folder: shutil.rmtree(folder / "tokenizer"), "its part `tokenizer` is missing"),
        (lambda folder: next((folder / "vae").glob("*.safetensors")).unlink(), "no weights of its vae"),
        (lambda folder: next((folder / "vae").glob("*.safetensors")).write_bytes(b"?"), "cannot be loaded"),
        (
            lambda folder: next((folder / "vae").glob("*.safetensors")).write_text(
                "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
            ),
            "pointer of git-lfs",
        ),
        (lambda folder: (folder / "model_index.json").write_text("{"), "is not JSON"),
        (lambda folder: (folder / "model_index.json").write_text("{}"), "names no class"),
        (
            lambda folder: edit_json(
                folder / "model_index.json", lambda index: index.update(_class_name="NewPipeline")
            ),
            "a NewPipeline, which diffusers",
        ),
        (
            lambda folder: edit_json(
                folder / "model_index.json", lambda index: index.update(_class_name=["my", "P"])
            ),
            "code of its own",
        ),
    ],
)
def test_a_damaged_folder_says_what_is_wrong(folder: Path, damage: Callable[[Path], Any], message: str) -> None:
    damage(folder)
    with pytest.raises(ModelError, match=message):
        open_pipeline(str(folder))


@pytest.mark.parametrize("name", ["checkpoint.ckpt", "checkpoint.safetensors"])
def test_a_single_file_opens(name: str, model: DiffusionPipeline, configs: Path, tmp_path: Path) -> None:
    state = original(model)
    if name.endswith(".ckpt"):
        save_with_lightning({"state_dict": state}, tmp_path / name)
    else:
        save_file(state, tmp_path / name)
    opened = open_pipeline(str(tmp_path / name), config=str(configs))
    assert not differing(opened, model)
    assert type(opened).__name__ == CLASS
    assert pipeline_class_name(str(tmp_path / name)) == ""


@pytest.mark.parametrize("place", ["checkpoint", "."])
def test_a_single_file_finds_the_configs_beside_it_and_its_average(
    place: str, model: DiffusionPipeline, configs: Path, tmp_path: Path
) -> None:
    """In the folder with its name, or in that where it lies, as in timbrooks/instruct-pix2pix."""
    shutil.copytree(configs, tmp_path / place, dirs_exist_ok=True)
    torch.save({"state_dict": averaged(original(model))}, tmp_path / "checkpoint.ckpt")
    opened = open_pipeline(str(tmp_path / "checkpoint.ckpt"))
    assert {name.partition(".")[0] for name in differing(opened, model)} == {"unet"}
    for name, weight in model.unet.state_dict().items():
        assert torch.equal(opened.unet.state_dict()[name], weight + 0.5)


def test_a_single_file_without_configs_says_how_to_get_them(
    model: DiffusionPipeline, tmp_path: Path, hub_fails: Callable[[Exception], None]
) -> None:
    hub_fails(LocalEntryNotFoundError("no connection"))
    torch.save({"state_dict": original(model)}, tmp_path / "checkpoint.ckpt")
    with pytest.raises(ModelError, match="its configs and its tokenizer are not in the file") as caught:
        open_pipeline(str(tmp_path / "checkpoint.ckpt"))
    assert (
        f"hf download timbrooks/instruct-pix2pix --include '*.json' '*.txt' --local-dir {tmp_path}/checkpoint"
        in (caught.value.cure)
    )


def test_a_single_file_with_code_does_not_run(model: DiffusionPipeline, configs: Path, tmp_path: Path) -> None:
    content = {"state_dict": original(model), "callbacks": Malicious(tmp_path / "ran")}
    torch.save(content, tmp_path / "checkpoint.ckpt")
    with pytest.raises(ModelError, match=r"holds more than weights: posix\.mkdir"):
        open_pipeline(str(tmp_path / "checkpoint.ckpt"), config=str(configs))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"lora_unet_down_blocks_0.lora_down.weight": torch.zeros(1)}, "adapters"),
        ({"something": torch.zeros(1)}, "not a checkpoint of a kind"),
    ],
)
def test_a_file_of_something_else_is_refused(state: dict[str, torch.Tensor], message: str, tmp_path: Path) -> None:
    save_file(state, tmp_path / "file.safetensors")
    with pytest.raises(ModelError, match=message):
        open_pipeline(str(tmp_path / "file.safetensors"))


def test_a_part_is_not_taken_for_a_model(released: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="one part of a model") as caught:
        open_pipeline(str(released / "unet/diffusion_pytorch_model.safetensors"))
    assert caught.value.cure == f"Give the folder {released}."
    (tmp_path / "model.onnx").write_bytes(b"")
    with pytest.raises(ModelError, match="not a checkpoint that can be opened"):
        open_pipeline(str(tmp_path / "model.onnx"))


def test_a_truncated_single_file_is_refused(model: DiffusionPipeline, configs: Path, tmp_path: Path) -> None:
    state = original(model)
    del state["model.diffusion_model.out.2.weight"]
    save_file(state, tmp_path / "checkpoint.safetensors")
    with pytest.raises(ModelError, match="lacks some weights of a StableDiffusionInstructPix2PixPipeline"):
        open_pipeline(str(tmp_path / "checkpoint.safetensors"), config=str(configs))


def mistyped(tmp_path: Path) -> list[str]:
    return ["out/modle", "./modle", "../modle", f"{tmp_path}/out/modle", "~/modle", "a/b/c", "x.ckpt", "tabletpo"]


@pytest.mark.parametrize("number", range(8))
@pytest.mark.parametrize("ask", [open_pipeline, pipeline_class_name])
def test_a_mistyped_path_is_not_asked_of_a_hub(
    number: int, ask: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("hf_hub_download", "list_repo_files", "snapshot_download"):
        monkeypatch.setattr(huggingface_hub, name, lambda *_, **__: pytest.fail("the hub is asked"))
    (tmp_path / "out/model").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "out"))
    source = mistyped(tmp_path)[number]
    with pytest.raises(ModelError, match="no such file or folder") as caught:
        ask(source)
    nearest = {0: "out/model", 3: "out/model", 4: "out/model", 7: "tabletop"}
    assert nearest.get(number, "") in caught.value.cure


def test_an_address_of_a_page_is_not_a_model() -> None:
    with pytest.raises(ModelError, match="an address") as caught:
        open_pipeline("https://huggingface.co/timbrooks/instruct-pix2pix/tree/main")
    assert caught.value.cure == "Give the hub id alone: timbrooks/instruct-pix2pix."


LOOKS: dict[str, tuple[dict[str, str], str, str]] = {
    "empty": ({}, "it is empty", "Give a model's folder"),
    "run": ({"recipe.json": "{}", "checkpoints/x": ""}, "a run that has not finished", "continues from its last"),
    "stage": ({"recipe.json": "{}", "manifest.json": "{}"}, "output of another stage", "actionpairs train"),
    "diffusers' adapters": ({"pytorch_lora_weights.safetensors": ""}, "adapters", "load them onto it"),
    "peft's adapters": ({"adapter_config.json": "{}"}, "adapters", "load them onto it"),
    "U-Net": (
        {"config.json": '{"_class_name": "UNet2DConditionModel"}'},
        "a UNet2DConditionModel",
        "the model's folder",
    ),
    "transformers": ({"config.json": '{"architectures": ["Qwen3ForCausalLM"]}'}, "a Qwen3ForCausalLM of", "Give"),
    "inside": ({"final/model_index.json": "{}"}, "lies inside", "/final."),
    "cache": ({"snapshots/0a/model_index.json": "{}", "refs/main": "0a"}, "lies inside", "snapshots/0a."),
    "checkpoint": ({"sd.ckpt": "", "readme.md": ""}, "has a checkpoint", "/sd.ckpt"),
    "parts": ({"unet/config.json": "{}", "vae/config.json": "{}"}, "parts of one", "model_index.json"),
    "pictures": ({"a.png": "", "b.png": ""}, r"it has a\.png, b\.png", "Give a model's folder"),
}


@pytest.mark.parametrize("case", LOOKS)
def test_a_folder_without_index_says_what_it_looks_like(case: str, tmp_path: Path) -> None:
    files, looks, cure = LOOKS[case]
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(content)
    for ask in (open_pipeline, pipeline_class_name):
        with pytest.raises(ModelError, match=looks) as caught:
            ask(str(tmp_path))
        assert cure in caught.value.cure


def test_a_part_of_a_model_names_the_model(released: Path) -> None:
    with pytest.raises(ModelError, match="one part of a model, a UNet2DConditionModel") as caught:
        open_pipeline(str(released / "unet"))
    assert caught.value.cure == f"Give {released}."


@pytest.fixture
def hub_fails(monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception], None]:
    """Let every call to the hub raise an error."""

    def install(error: Exception) -> None:
        def fail(*arguments: Any, **options: Any) -> None:
            raise error

        for name in ("hf_hub_download", "list_repo_files", "snapshot_download"):
            monkeypatch.setattr(huggingface_hub, name, fail)

    return install


def answer(kind: type[HfHubHTTPError], status: int) -> HfHubHTTPError:
    """The hub client's error for an answer with this status."""

    class Response:
        status_code = status
        headers: dict[str, str] = {}  # noqa: RUF012
        request = None

    return kind("refused", response=Response())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "message", "cure"),
    [
        (answer(GatedRepoError, 403), "a gated model", "hf auth login"),
        (answer(RepositoryNotFoundError, 404), "no such model on the hub, or it is private", "spelling"),
        (answer(HfHubHTTPError, 403), r"does not permit it \(HTTP 403\)", "token"),
        (answer(HfHubHTTPError, 401), r"does not permit it \(HTTP 401\)", "token"),
        (answer(HfHubHTTPError, 503), r"an error \(HTTP 503\)", "again"),
        (answer(RemoteEntryNotFoundError, 404), "no diffusers pipeline", "model_index.json"),
        (LocalEntryNotFoundError("no connection"), "the hub cannot be reached", "network"),
        (ConnectionError("no route"), "the hub cannot be reached", "network"),
    ],
)
def test_what_the_hub_answers_is_told_apart(
    error: Exception,
    message: str,
    cure: str,
    hub_fails: Callable[[Exception], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(constants, "is_offline_mode", lambda: False)
    hub_fails(error)
    for ask in (open_pipeline, pipeline_class_name):
        with pytest.raises(ModelError, match=f"^someone/model: .*{message}") as caught:
            ask("someone/model")
        assert cure in caught.value.cure


def test_offline_mode_is_named(hub_fails: Callable[[Exception], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "is_offline_mode", lambda: True)
    hub_fails(LocalEntryNotFoundError("no connection"))
    with pytest.raises(ModelError, match="HF_HUB_OFFLINE is set"):
        open_pipeline("someone/model")


def test_a_hub_id_with_characters_that_no_id_has_is_refused() -> None:
    with pytest.raises(ModelError, match="not a hub id"):
        open_pipeline("some one/mod:el")


@pytest.mark.parametrize("is_reachable", [True, False])
def test_a_hub_model_opens_and_only_what_is_needed_is_downloaded(
    is_reachable: bool, folder: Path, model: DiffusionPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = {"safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"]}
    edit_json(folder / "model_index.json", lambda index: index.update(listed))
    extra = ["sd.ckpt", "unet/diffusion_pytorch_model.fp16.safetensors", "unet/diffusion_pytorch_model.bin"]
    extra += ["safety_checker/model.safetensors", "safety_checker/config.json", "README.md", "vae/picture.png"]
    local = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    asked: list[Any] = []

    def names(repository: str, revision: str | None) -> list[str]:
        if not is_reachable:
            raise ConnectionError("no route")
        return [*local, *extra]

    def snapshot(repository: str, **options: Any) -> str:
        asked.append(options)
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", lambda repository, name, revision: str(folder / name))
    monkeypatch.setattr(huggingface_hub, "list_repo_files", names)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    assert pipeline_class_name("someone/model") == CLASS
    assert not asked
    assert not differing(open_pipeline("someone/model"), model)
    if is_reachable:
        assert sorted(asked[0]["allow_patterns"]) == sorted(local)
    else:
        assert asked == [{"revision": None, "local_files_only": True}]
