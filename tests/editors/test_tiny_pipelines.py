"""Every tiny pipeline edits, depends on its inputs and its seed alone, and is the same once saved and opened."""

from __future__ import annotations

import functools
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline
from PIL import Image
from transformers.utils import is_torchvision_available

from tests.editors import tiny_pipelines, tiny_tokenizers
from tests.editors.tiny_pipelines import FAMILIES, NEEDS_TORCHVISION

TEXT = "move the red square left"
PIXELS = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)

build = functools.cache(tiny_pipelines.build)


def edit(pipeline: DiffusionPipeline, family: str, *, text: str = TEXT, pixels: np.ndarray = PIXELS) -> np.ndarray:
    height, width = pixels.shape[:2]
    return tiny_pipelines.edit(pipeline, family, Image.fromarray(pixels), text, seed=1, height=height, width=width)


def digest(edited: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(edited).tobytes()).hexdigest()


def denoiser(pipeline: DiffusionPipeline) -> torch.nn.Module:
    return getattr(pipeline, "transformer", None) or pipeline.unet


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every family's pipeline, saved."""
    root = tmp_path_factory.mktemp("tiny pipelines")
    for family in FAMILIES:
        build(family).save_pretrained(root / family)
    return {family: root / family for family in FAMILIES}


@pytest.mark.parametrize("family", FAMILIES)
def test_an_edit_has_the_shape_asked(family: str) -> None:
    square = edit(build(family), family, pixels=np.ascontiguousarray(PIXELS[:, :64]))
    assert (square.shape, square.dtype) == ((64, 64, 3), np.uint8)
    assert edit(build(family), family).shape == (64, 96, 3)


@pytest.mark.parametrize("family", FAMILIES)
def test_an_edit_depends_on_the_text_and_on_the_picture(family: str) -> None:
    edited = edit(build(family), family)
    assert (edited != edit(build(family), family, text="open the drawer")).mean() > 0.02
    assert (edited != edit(build(family), family, pixels=255 - PIXELS)).mean() > 0.02
    assert edited.std() > 5  # not one color


@pytest.mark.parametrize("family", ["qwen", "qwen-plus", "longcat", "dreamlite"])
def test_the_text_encoder_sees_the_picture(family: str) -> None:
    pipeline = build(family)

    def embedded(pixels: np.ndarray) -> torch.Tensor:
        picture = Image.fromarray(pixels)
        if family == "dreamlite":
            options = {"mode": "edit", "prompts": [TEXT], "dtype": torch.float32, "device": torch.device("cpu")}
            return pipeline.encode_prompt(image=picture, **options)[0]
        return pipeline.encode_prompt(image=[picture] if family == "qwen-plus" else picture, prompt=[TEXT])[0]

    with torch.no_grad():
        first, second = embedded(PIXELS), embedded(255 - PIXELS)
    assert first.shape == second.shape
    assert (first - second).norm() > 0.05 * first.norm()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_pipeline_is_small_and_no_parameter_of_its_denoiser_is_all_zero(family: str) -> None:
    parts = build(family).components.values()
    parameters = [p for part in parts if isinstance(part, torch.nn.Module) for p in part.parameters()]
    assert 50_000 < sum(p.numel() for p in parameters) < 500_000
    assert all(p.dtype is torch.float32 for p in parameters)
    assert all(bool(p.any()) for p in denoiser(build(family)).parameters())


@pytest.mark.parametrize("family", FAMILIES)
def test_a_seed_fixes_the_weights_and_leaves_the_global_seed_alone(family: str) -> None:
    before = torch.get_rng_state()
    again, other = tiny_pipelines.build(family), tiny_pipelines.build(family, seed=1)
    assert torch.equal(before, torch.get_rng_state())
    weights = denoiser(build(family)).state_dict()
    assert all(torch.equal(weights[name], value) for name, value in denoiser(again).state_dict().items())
    assert not all(torch.equal(weights[name], value) for name, value in denoiser(other).state_dict().items())


@pytest.mark.parametrize("family", FAMILIES)
def test_a_saved_pipeline_gives_the_same_edit(family: str, folders: dict[str, Path]) -> None:
    opened = tiny_tokenizers.open_folder(folders[family])
    assert type(opened) is type(build(family))
    apart = edit(opened, family).astype(int) - edit(build(family), family)
    assert np.abs(apart).max() <= 1  # weights lie elsewhere in memory, and CPUs may add in another order


@pytest.mark.slow
def test_a_fresh_process_builds_and_opens_the_same_pipelines(folders: dict[str, Path]) -> None:
    opened = ("kontext", "qwen")
    code = (
        "import json, sys, torch\n"
        "from pathlib import Path\n"
        "torch.set_num_threads(int(sys.argv[2]))\n"
        "from tests.editors import test_tiny_pipelines as t, tiny_tokenizers\n"
        "digests = {f: t.digest(t.edit(t.build(f), f)) for f in t.FAMILIES}\n"
        "for f, folder in json.loads(sys.argv[1]).items():\n"
        "    digests['opened ' + f] = t.digest(t.edit(tiny_tokenizers.open_folder(Path(folder)), f))\n"
        "print(json.dumps(digests))\n"
    )
    paths = json.dumps({family: str(folders[family]) for family in opened})
    command = [sys.executable, "-c", code, paths, str(torch.get_num_threads())]
    root = Path(__file__).parents[2]
    output = subprocess.run(command, check=True, capture_output=True, text=True, cwd=root).stdout
    expected = {family: digest(edit(build(family), family)) for family in FAMILIES}
    expected |= {f"opened {family}": expected[family] for family in opened}
    assert json.loads(output.splitlines()[-1]) == expected


@pytest.mark.skipif(is_torchvision_available(), reason="torchvision is installed")
@pytest.mark.parametrize("family", FAMILIES)
def test_some_families_need_torchvision_to_open_as_they_are(family: str, folders: dict[str, Path]) -> None:
    if family in NEEDS_TORCHVISION:
        with pytest.raises(ImportError, match="VLVideoProcessor requires the Torchvision library"):
            DiffusionPipeline.from_pretrained(folders[family])
    else:
        assert type(DiffusionPipeline.from_pretrained(folders[family])) is type(build(family))


def _rewrite(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")


@pytest.mark.skipif(is_torchvision_available(), reason="torchvision is installed")
def test_a_folder_that_names_pixtrals_processor_opens_with_its_tokenizer(tmp_path: Path) -> None:
    build("flux2").save_pretrained(tmp_path)
    _rewrite(tmp_path / "model_index.json", tokenizer=["transformers", "PixtralProcessor"])
    with pytest.raises(ValueError, match="does not seem to have any of the loading methods"):
        DiffusionPipeline.from_pretrained(tmp_path)
    opened = tiny_tokenizers.open_folder(tmp_path)
    assert np.array_equal(edit(opened, "flux2"), edit(build("flux2"), "flux2"))


def test_a_processor_saved_by_transformers_4_opens(tmp_path: Path) -> None:
    build("qwen").save_pretrained(tmp_path)
    path = tmp_path / "processor" / "processor_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    path.unlink()
    images = config["image_processor"] | {"image_processor_type": "Qwen2VLImageProcessorFast"}
    path.with_name("preprocessor_config.json").write_text(json.dumps(images), encoding="utf-8")
    path.with_name("video_preprocessor_config.json").write_text(
        json.dumps(config["video_processor"]), encoding="utf-8"
    )
    opened = tiny_tokenizers.open_folder(tmp_path)
    assert np.array_equal(edit(opened, "qwen"), edit(build("qwen"), "qwen"))


@pytest.mark.parametrize("family", ["qwen", "qwen-plus", "dreamlite"])
def test_the_dropped_start_of_a_template_ends_before_the_text(family: str) -> None:
    pipeline = build(family)
    template, dropped = (
        (pipeline.prompt_template_encode_edit, pipeline.prompt_template_encode_edit_start_idx)
        if family == "dreamlite"
        else (pipeline.prompt_template_encode, pipeline.prompt_template_encode_start_idx)
    )
    assert len(pipeline.tokenizer(template.partition("{}")[0]).input_ids) > dropped


def test_an_unknown_text_has_no_unknown_token_and_fits_into_flux2() -> None:
    text = 'Turn "it" off & on; 50% <b>slower</b>?'
    for tokenizer in (tiny_tokenizers.t5(), tiny_tokenizers.qwen(), tiny_tokenizers.mistral()):
        ids = tokenizer(text).input_ids
        assert tokenizer.unk_token_id not in ids
        assert text in tokenizer.decode(ids, skip_special_tokens=True)
    pipeline = build("flux2")
    message = [{"role": "system", "content": [{"type": "text", "text": pipeline.system_message}]}]
    used = pipeline.tokenizer.apply_chat_template(message, tokenize=True, return_dict=True)["input_ids"]
    assert len(used) < pipeline.tokenizer_max_length // 2
