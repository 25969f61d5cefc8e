"""Adapters of every layout change a model as the trained ones did; a weight without a place is refused."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import torch
from diffusers import DiffusionPipeline
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
from safetensors.torch import save_file
from torch import Tensor, nn

from actionpairs.errors import ModelError
from actionpairs.model_files.lora_files import denoiser_name, load_lora
from tests.editors import tiny_pipelines
from tests.model_files.released_layouts import instruct_pix2pix

TARGETS = {
    "ip2p": ["attn1.to_q", "attn1.to_out.0", "attn2.to_k", "ff.net.2"],
    "kontext": ["attn.to_q", "attn.to_k", "attn.to_v", "attn.to_out.0", "ff.net.2", "x_embedder"],
}
Layers = dict[str, Tensor]


@pytest.fixture(scope="module")
def bases() -> dict[str, DiffusionPipeline]:
    return {"ip2p": instruct_pix2pix(), "kontext": tiny_pipelines.build("kontext")}


@pytest.fixture
def make(bases: dict[str, DiffusionPipeline]) -> Callable[[str], DiffusionPipeline]:
    """A copy of a pipeline, which the test may change."""

    def make_copy(family: str) -> DiffusionPipeline:
        base = bases[family]
        copied = {"unet", "transformer", "text_encoder"}
        parts = {name: copy.deepcopy(part) if name in copied else part for name, part in base.components.items()}
        options = {"requires_safety_checker": False} if family == "ip2p" else {}
        return type(base)(**parts, **options)

    return make_copy


def adapted(pipeline: DiffusionPipeline, family: str, **options: Any) -> nn.Module:
    """The denoiser with trained adapters: alpha is not the rank, and both matrices are random."""
    denoiser: Any = pipeline.components[denoiser_name(pipeline)]
    config = LoraConfig(**{"r": 4, "lora_alpha": 6.0, "target_modules": TARGETS[family], **options})
    denoiser.add_adapter(config)
    randomize(denoiser)
    return denoiser


@torch.no_grad()
def randomize(module: nn.Module) -> None:
    generator = torch.Generator().manual_seed(3)
    for name, weight in module.named_parameters():
        if "lora_" in name:
            weight.copy_(torch.randn(weight.shape, generator=generator) / 8)


@torch.no_grad()
def predict(pipeline: DiffusionPipeline) -> Tensor:
    generator = torch.Generator().manual_seed(1)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    if "unet" in pipeline.components:
        output = pipeline.unet(draw(2, 8, 8, 8), torch.tensor([3, 700]), draw(2, 5, 16)).sample
    else:
        config = pipeline.transformer.config
        output = pipeline.transformer(
            hidden_states=draw(1, 6, config.in_channels),
            encoder_hidden_states=draw(1, 5, config.joint_attention_dim),
            pooled_projections=draw(1, config.pooled_projection_dim),
            timestep=torch.tensor([0.7]),
            img_ids=torch.zeros(6, 3),
            txt_ids=torch.zeros(5, 3),
            guidance=torch.tensor([3.5]) if config.guidance_embeds else None,
        ).sample
    return output


def layers(denoiser: nn.Module) -> Layers:
    """The adapters as diffusers saves them: no adapter's name in the keys."""
    return {name: tensor.detach().clone() for name, tensor in get_peft_model_state_dict(denoiser).items()}


def alphas(denoiser: Any) -> dict[str, float]:
    """Each layer's alpha, by its name."""
    return {
        name: module.scaling["default"] * module.r["default"]
        for name, module in denoiser.named_modules()
        if hasattr(module, "lora_A")
    }


def check_equal(pipeline: DiffusionPipeline, live: DiffusionPipeline, base: DiffusionPipeline) -> None:
    expected = predict(live)
    torch.testing.assert_close(predict(pipeline), expected, atol=1e-6, rtol=1e-6)
    assert (expected - predict(base)).abs().max() > 1e-2  # else equality would say nothing


Make = Callable[[str], DiffusionPipeline]
OPTIONS = [
    {},
    {"use_rslora": True},
    {"alpha_pattern": {"attn1.to_q": 1.0}, "rank_pattern": {"attn2.to_k": 2}},
    {"use_dora": True},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_diffusers_layout_with_metadata(options: dict[str, Any], make: Make, tmp_path: Path) -> None:
    live, loaded = make("ip2p"), make("ip2p")
    unet = adapted(live, "ip2p", **options)
    config = {name: value for name, value in unet.peft_config["default"].to_dict().items() if value is not None}
    config["target_modules"] = sorted(config["target_modules"])
    config["an_option_of_next_year"] = 1
    live.save_lora_weights(tmp_path, unet_lora_layers=layers(unet), unet_lora_adapter_metadata=config)
    load_lora(loaded, str(tmp_path))
    check_equal(loaded, live, make("ip2p"))


def test_diffusers_layout_without_metadata_has_scale_one_at_every_rank(make: Make, tmp_path: Path) -> None:
    live, loaded = make("ip2p"), make("ip2p")
    options = {"lora_alpha": 4, "rank_pattern": {"attn1.to_q": 2}, "alpha_pattern": {"attn1.to_q": 2}}
    live.save_lora_weights(tmp_path, unet_lora_layers=layers(adapted(live, "ip2p", **options)))
    load_lora(loaded, str(tmp_path))
    check_equal(loaded, live, make("ip2p"))


@pytest.mark.parametrize("family", ["ip2p", "kontext"])
@pytest.mark.parametrize("prefix", ["part.", "", "diffusion_model."])
def test_diffusers_layout_with_alphas_beside_the_matrices(
    family: str, prefix: str, make: Make, tmp_path: Path
) -> None:
    """With the part's name before the layers', without, and with ComfyUI's."""
    live, loaded = make(family), make(family)
    denoiser = adapted(live, family, rank_pattern={"to_q": 2})
    prefix = prefix.replace("part", denoiser_name(live))
    state = {f"{prefix}{name}": tensor for name, tensor in layers(denoiser).items()}
    state |= {f"{prefix}{name}.alpha": torch.tensor(alpha) for name, alpha in alphas(denoiser).items()}
    save_file(state, tmp_path / "adapters.safetensors")
    load_lora(loaded, str(tmp_path / "adapters.safetensors"))
    check_equal(loaded, live, make(family))


@pytest.mark.parametrize("is_safe", [True, False])
@pytest.mark.parametrize("family", ["ip2p", "kontext"])
def test_pefts_folder(family: str, is_safe: bool, make: Make, tmp_path: Path) -> None:
    live, loaded = make(family), make(family)
    name = denoiser_name(live)
    config = LoraConfig(r=4, lora_alpha=6, target_modules=TARGETS[family], alpha_pattern={"to_q": 1})
    model = get_peft_model(live.components[name], config)
    randomize(model)
    model.save_pretrained(tmp_path, safe_serialization=is_safe)
    assert (tmp_path / f"adapter_model.{'safetensors' if is_safe else 'bin'}").is_file()
    load_lora(loaded, str(tmp_path))
    check_equal(loaded, live, make(family))


def test_pefts_folder_for_a_text_encoder(make: Make, tmp_path: Path) -> None:
    live, loaded, base = make("ip2p"), make("ip2p"), make("ip2p")
    model = get_peft_model(live.text_encoder, LoraConfig(r=2, lora_alpha=6, target_modules=["q_proj"]))
    randomize(model)
    model.save_pretrained(tmp_path)
    load_lora(loaded, str(tmp_path))
    tokens = torch.tensor([[1, 5, 7]])
    with torch.no_grad():
        states = [pipeline.text_encoder(tokens)[0] for pipeline in (loaded, live, base)]
    torch.testing.assert_close(states[0], states[1], atol=1e-6, rtol=1e-6)
    assert (states[1] - states[2]).abs().max() > 1e-2


def kohya(state: Layers, layer_alphas: dict[str, float], *, prefix: str = "lora_unet") -> Layers:
    """The names of sd-scripts."""
    renamed = {}
    for name, tensor in state.items():
        layer, _, end = name.partition(".lora_")
        kind = {"A.weight": "lora_down.weight", "B.weight": "lora_up.weight"}[end]
        renamed[f"{prefix}_{layer.replace('.', '_')}.{kind}"] = tensor
    return renamed | {
        f"{prefix}_{layer.replace('.', '_')}.alpha": torch.tensor(alpha) for layer, alpha in layer_alphas.items()
    }


def test_kohyas_layout_with_alphas_and_ranks_that_differ(make: Make, tmp_path: Path) -> None:
    """Of the U-Net and the text encoder. Diffusers alone mixes up alphas that differ."""
    live, loaded, base = make("ip2p"), make("ip2p"), make("ip2p")
    patterns = {"alpha_pattern": {"attn1.to_q": 1, "ff.net.2": 3}, "rank_pattern": {"attn2.to_k": 2}}
    unet = adapted(live, "ip2p", **patterns)
    live.text_encoder.add_adapter(LoraConfig(r=2, lora_alpha=5, target_modules=["q_proj", "fc1"]))
    randomize(live.text_encoder)
    text = {f"text_model.{name}": tensor for name, tensor in layers(live.text_encoder).items()}
    text_alphas = {f"text_model.{name}": alpha for name, alpha in alphas(live.text_encoder).items()}
    state = kohya(layers(unet), alphas(unet)) | kohya(text, text_alphas, prefix="lora_te")
    save_file(state, tmp_path / "kohya.safetensors")
    load_lora(loaded, str(tmp_path / "kohya.safetensors"))
    check_equal(loaded, live, base)
    tokens = torch.tensor([[1, 5, 7]])
    with torch.no_grad():
        states = [pipeline.text_encoder(tokens)[0] for pipeline in (loaded, live, base)]
    torch.testing.assert_close(states[0], states[1], atol=1e-6, rtol=1e-6)
    assert (states[1] - states[2]).abs().max() > 1e-2


def flux_kohya(denoiser: nn.Module) -> Layers:
    """Sd-scripts' names for Flux, where one pair of matrices makes queries, keys and values."""
    state = layers(denoiser)
    attention = "transformer_blocks.0.attn"
    fused = {
        "img_attn_qkv.lora_down.weight": state[f"{attention}.to_q.lora_A.weight"],
        "img_attn_qkv.lora_up.weight": torch.cat(
            [state[f"{attention}.to_{part}.lora_B.weight"] for part in "qkv"]
        ),
    }
    simple = {
        "double_blocks_0_img_attn_proj": f"{attention}.to_out.0",
        "double_blocks_0_img_mlp_2": "transformer_blocks.0.ff.net.2",
        "img_in": "x_embedder",
    }
    names = {f"double_blocks_0_{name}": tensor for name, tensor in fused.items()}
    for old, new in simple.items():
        names |= {f"{old}.lora_down.weight": state[f"{new}.lora_A.weight"]}
        names |= {f"{old}.lora_up.weight": state[f"{new}.lora_B.weight"]}
    scales = alphas(denoiser)
    for old, new in {"double_blocks_0_img_attn_qkv": f"{attention}.to_q", **simple}.items():
        names[f"{old}.alpha"] = torch.tensor(float(scales[new]))
    return {f"lora_unet_{name}": tensor.contiguous() for name, tensor in names.items()}


def test_kohyas_layout_for_flux(make: Make, tmp_path: Path) -> None:
    """Also a layer outside of the blocks, `img_in`, which diffusers alone leaves out."""
    live, loaded = make("kontext"), make("kontext")
    targets = [f"^transformer_blocks.0.attn.to_{part}" for part in ("q", "k", "v", "out.0")]
    pattern = (
        rf"({'|'.join(target.removeprefix('^') for target in targets)}|transformer_blocks.0.ff.net.2|x_embedder)"
    )
    denoiser = adapted(live, "kontext", target_modules=pattern, alpha_pattern={"x_embedder": 2, "ff.net.2": 3})
    with torch.no_grad():
        attention: Any = denoiser.get_submodule("transformer_blocks.0.attn")
        for layer in (attention.to_k, attention.to_v):
            layer.lora_A["default"].weight.copy_(attention.to_q.lora_A["default"].weight)
    save_file(flux_kohya(denoiser), tmp_path / "flux.safetensors")
    load_lora(loaded, str(tmp_path / "flux.safetensors"))
    check_equal(loaded, live, make("kontext"))


def test_a_pipeline_of_diffusers_without_loader_takes_them_too(make: Make, tmp_path: Path) -> None:
    live, loaded = make("ip2p"), make("ip2p")

    class Bare:
        """As DreamLitePipeline: no `load_lora_weights`."""

        components = loaded.components
        unet = loaded.unet

    unet = adapted(live, "ip2p")
    state = {f"unet.{name}": tensor for name, tensor in layers(unet).items()}
    state |= {f"unet.{name}.alpha": torch.tensor(alpha) for name, alpha in alphas(unet).items()}
    save_file(state, tmp_path / "adapters.safetensors")
    load_lora(Bare(), str(tmp_path / "adapters.safetensors"))  # type: ignore[arg-type]
    check_equal(loaded, live, make("ip2p"))


def test_the_adapters_loaded_last_are_in_use(make: Make, tmp_path: Path) -> None:
    live, loaded = make("ip2p"), make("ip2p")
    first = {f"unet.{name}": tensor + 1 for name, tensor in layers(adapted(make("ip2p"), "ip2p")).items()}
    save_file(first, tmp_path / "first.safetensors")
    live.save_lora_weights(tmp_path / "second", unet_lora_layers=layers(adapted(live, "ip2p", lora_alpha=4)))
    load_lora(loaded, str(tmp_path / "first.safetensors"))
    load_lora(loaded, str(tmp_path / "second"))
    check_equal(loaded, live, make("ip2p"))


def state_of(make: Make, family: str, name: str) -> Layers:
    pipeline = make(family)
    denoiser = adapted(pipeline, family)
    if name == "kohya":
        return kohya(layers(denoiser), alphas(denoiser)) if family == "ip2p" else flux_kohya(denoiser)
    return {f"{denoiser_name(pipeline)}.{key}": tensor for key, tensor in layers(denoiser).items()}


@pytest.mark.parametrize("layout", ["diffusers", "kohya"])
@pytest.mark.parametrize(("family", "other"), [("ip2p", "kontext"), ("kontext", "ip2p")])
def test_adapters_of_another_family_are_refused(
    family: str, other: str, layout: str, make: Make, tmp_path: Path
) -> None:
    header = {"ss_base_model_version": f"{family}-v1"}
    save_file(state_of(make, family, layout), tmp_path / "adapters.safetensors", metadata=header)
    pipeline, before = make(other), predict(make(other))
    with pytest.raises(
        ModelError, match=r"of another model or layout: .*have no place in a .*It says it is for"
    ) as caught:
        load_lora(pipeline, str(tmp_path / "adapters.safetensors"))
    assert f"{family}-v1" in caught.value.message
    assert torch.equal(predict(pipeline), before)
    assert not hasattr(pipeline.components[denoiser_name(pipeline)], "peft_config")


def change_width(state: Layers) -> str:
    name = next(name for name in state if name.endswith("to_q.lora_A.weight"))
    state[name] = torch.zeros(4, 24)
    return name


def change_name(state: Layers) -> str:
    name = next(name for name in state if "attn1.to_q.lora_B" in name)
    new = name.replace("attn1", "attn7")
    state[new] = state.pop(name)
    return new


def add_layer(state: Layers) -> str:
    state["text_encoder_2.encoder.layers.0.self_attn.q_proj.lora_A.weight"] = torch.zeros(4, 16)
    return "text_encoder_2.encoder.layers.0.self_attn.q_proj.lora_A.weight"


@pytest.mark.parametrize("change", [change_width, change_name, add_layer])
def test_one_weight_without_a_place_is_named(change: Callable[[Layers], str], make: Make, tmp_path: Path) -> None:
    state = state_of(make, "ip2p", "diffusers")
    name = change(state)
    save_file(state, tmp_path / "adapters.safetensors")
    with pytest.raises(ModelError, match=f"1 of their {len(state)} weights have no place") as caught:
        load_lora(make("ip2p"), str(tmp_path / "adapters.safetensors"))
    assert name in caught.value.message


def test_a_layer_that_diffusers_drops_in_silence_is_named(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As its converter for FLUX.2 drops names that it does not know."""
    pipeline, state = make("ip2p"), state_of(make, "ip2p", "kohya")
    convert = type(pipeline).lora_state_dict

    def drop(tensors: Layers, **options: Any) -> Any:
        kept = {name: tensor for name, tensor in tensors.items() if "mid_block" not in name}
        return convert(kept, **options)

    monkeypatch.setattr(type(pipeline), "lora_state_dict", staticmethod(drop))
    save_file(state, tmp_path / "adapters.safetensors")
    with pytest.raises(ModelError, match="have no place in a") as caught:
        load_lora(pipeline, str(tmp_path / "adapters.safetensors"))
    assert "mid_block" in caught.value.message
    assert not hasattr(pipeline.unet, "peft_config")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("lora_unet_mid_block.lokr_w1", "LoKr"),
        ("lora_unet_mid_block.hada_w1_a", "LoHa"),
        ("lora_unet_mid_block.dora_scale", "DoRA"),
        ("conv_in.weight", "no adapters"),
    ],
)
def test_what_is_not_lora_is_refused(name: str, kind: str, make: Make, tmp_path: Path) -> None:
    save_file({name: torch.zeros(2, 2)}, tmp_path / "adapters.safetensors")
    with pytest.raises(ModelError, match=kind):
        load_lora(make("ip2p"), str(tmp_path / "adapters.safetensors"))


def test_other_adapters_of_peft_are_refused(make: Make, tmp_path: Path) -> None:
    save_file(state_of(make, "ip2p", "diffusers"), tmp_path / "adapter_model.safetensors")
    (tmp_path / "adapter_config.json").write_text(json.dumps({"peft_type": "LOHA"}))
    with pytest.raises(ModelError, match="LOHA, not LoRA"):
        load_lora(make("ip2p"), str(tmp_path))


class Malicious:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def test_pickled_adapters_run_no_code(make: Make, tmp_path: Path) -> None:
    torch.save({"unet.x": Malicious(tmp_path / "ran")}, tmp_path / "pytorch_lora_weights.bin")
    with pytest.raises(ModelError, match=r"holds more than weights: posix\.mkdir"):
        load_lora(make("ip2p"), str(tmp_path))
    assert not (tmp_path / "ran").exists()


def test_a_folder_with_several_files_or_none_asks_for_one(make: Make, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="has no file of adapters"):
        load_lora(make("ip2p"), str(tmp_path))
    for name in ("step-100.safetensors", "step-200.safetensors"):
        save_file({"x": torch.zeros(1)}, tmp_path / name)
    with pytest.raises(ModelError, match="has 2 files") as caught:
        load_lora(make("ip2p"), str(tmp_path))
    assert caught.value.cure == "Give one file: step-100.safetensors, step-200.safetensors."


def test_a_hub_id_fetches_the_adapters_alone(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_file(state_of(make, "ip2p", "diffusers"), tmp_path / "style.safetensors")
    asked: list[Any] = []
    names = ["style.safetensors", "old/step-1.safetensors", "a.png"]
    monkeypatch.setattr(huggingface_hub, "list_repo_files", lambda repository, revision: names)
    monkeypatch.setattr(
        huggingface_hub, "snapshot_download", lambda repository, **options: asked.append(options) or str(tmp_path)
    )
    pipeline = make("ip2p")
    load_lora(pipeline, "someone/style")
    assert asked == [{"revision": None, "allow_patterns": ["style.safetensors", "adapter_config.json"]}]
    assert (predict(pipeline) - predict(make("ip2p"))).abs().max() > 1e-2


def test_a_mistyped_path_of_adapters_is_not_asked_of_a_hub(make: Make, tmp_path: Path) -> None:
    (tmp_path / "style.safetensors").touch()
    with pytest.raises(ModelError, match="no such file or folder") as caught:
        load_lora(make("ip2p"), str(tmp_path / "stile.safetensors"))
    assert str(tmp_path / "style.safetensors") in caught.value.cure
