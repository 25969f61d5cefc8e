"""The families of editors, and loading a model of any of them. A model's own model_index.json names its family."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from diffusers import AutoencoderKL

from actionpairs.configs import TinyModel
from actionpairs.editors import lora as adapters
from actionpairs.editors import quantization, tiny, tiny_kontext
from actionpairs.editors.dreamlite import DreamLite
from actionpairs.editors.editor import Defaults, Editor
from actionpairs.editors.flux2 import Flux2, Flux2Klein
from actionpairs.editors.flux_kontext import FluxKontext
from actionpairs.editors.instruct_pix2pix import InstructPix2Pix
from actionpairs.editors.instruct_pix2pix_xl import InstructPix2PixXL
from actionpairs.editors.longcat_image_edit import LongCatImageEdit
from actionpairs.editors.qwen_image_edit import QwenImageEdit, QwenImageEditPlus
from actionpairs.editors.trained_with import defaults_of
from actionpairs.errors import ModelError, one_line
from actionpairs.model_files import released
from actionpairs.model_files.lora_files import load_lora

FAMILIES: tuple[type[Editor], ...] = (
    InstructPix2Pix,
    FluxKontext,
    Flux2,
    Flux2Klein,
    InstructPix2PixXL,
    DreamLite,
    QwenImageEdit,
    QwenImageEditPlus,
    LongCatImageEdit,
)
# Those that can be built from nothing, by the name that `TinyModel.family` gives them.
TINY: Mapping[str | None, Callable[..., Editor]] = {None: tiny.build, "kontext": tiny_kontext.build}


# 6 parameters: how a model is found, and how its weights are kept
def load(
    source: str,
    *,
    lora: str | None = None,
    widen: bool = False,
    dtype: torch.dtype | None = None,
    quantize: str | None = None,
    device: torch.device | str = "cpu",
) -> Editor:
    """Load an editor on the CPU: by folder, checkpoint file, hub id, or the name of a shipped model.

    lora: adapters for it, a file or folder. A folder that `train` wrote without merging its adapters is loaded
    together with the model that they belong to. widen, quantize: see `PretrainedModel`. dtype: of its weights;
    None takes float32, and on a GPU what the family was released in. device: where it will run. Raises ModelError
    if there is no such model, or it is of no family that is known.
    """
    source = released.with_adapters_downloaded(source, adapters.FOLDER, adapters.FILE)
    base = _base_of(Path(source))
    if base is None:
        editor = _load_whole(source, widen=widen, dtype=dtype, quantize=quantize, device=torch.device(device))
    else:
        editor = load(base, widen=widen, dtype=dtype, quantize=quantize, device=device)
        _add_lora(editor, source)
    if lora is not None:
        _add_lora(editor, lora)
    return editor


def _load_whole(
    source: str, *, widen: bool, dtype: torch.dtype | None, quantize: str | None, device: torch.device
) -> Editor:
    """Load a model with all parts."""
    options = {"quantization_config": quantization.config_of(quantize, device=device)} if quantize else {}
    name = released.pipeline_class_name(source)  # a checkpoint file has none until it is open
    released_in = family_of(name, source).traits.dtype if name else torch.float32
    dtype = dtype or (released_in if device.type == "cuda" else torch.float32)
    pipeline = released.open_pipeline(source, dtype=dtype, denoiser_options=options)
    family = family_of(type(pipeline).__name__, source)
    try:
        editor = family(pipeline, widen=widen) if widen else family(pipeline)  # type: ignore[call-arg]
    except ModelError as error:
        raise ModelError(f"{source}: {error.message[0].lower()}{error.message[1:]}", cure=error.cure) from None
    editor.defaults = defaults_of(released.located(source), editor.defaults)
    return editor


def _add_lora(editor: Editor, source: str) -> None:
    """Load adapters onto an editor. Those that it has already are merged first."""
    source = released.with_adapters_downloaded(source, adapters.FOLDER, adapters.FILE)
    folder = Path(source)
    path = folder / adapters.FOLDER if (folder / adapters.FOLDER / adapters.FILE).is_file() else folder
    adapters.merge(editor)
    load_lora(editor.pipeline, str(path) if path.exists() else source)
    trained = path.parent if path.name == adapters.FOLDER else path
    editor.defaults = defaults_of(trained, editor.defaults)


def located(source: str) -> Path:
    """The file or folder of a model on this machine; a hub id is downloaded first. Raises ModelError."""
    source = released.with_adapters_downloaded(source, adapters.FOLDER, adapters.FILE)
    folder = Path(source)
    return folder if _base_of(folder) is not None else released.located(source)


def defaults(source: str) -> Defaults:
    """The defaults of a model, without loading its weights. Raises ModelError."""
    name = released.pipeline_class_name(base_of(source)) or FAMILIES[0].traits.pipelines[0]
    traits = family_of(name, source).traits
    return defaults_of(located(source), Defaults(traits.resolution, traits.sampling))


def base_of(source: str) -> str:
    """The model with all parts: the one that a folder's adapters belong to, or the source itself."""
    source = released.with_adapters_downloaded(source, adapters.FOLDER, adapters.FILE)
    base = _base_of(Path(source))
    return source if base is None else base_of(base)


def _base_of(folder: Path) -> str | None:
    """The model that a folder's adapters belong to; None if the folder has a whole model, or is none.

    Raises ModelError if the adapters do not say, or their model is a path that is not here.
    """
    file = folder / adapters.FOLDER / adapters.FILE
    if not file.is_file() or (folder / "model_index.json").is_file():
        return None
    base = adapters.base_of(file)
    if base and (folder / base).is_dir():
        return str(folder / base)
    try:
        if base:
            if _base_of(Path(base)) is None:
                released.pipeline_class_name(base)
            return base
    except ModelError as error:
        missing = f"are of {base}: {error.message}"
    else:
        missing = "do not say which model they are of."
    raise ModelError(
        f"{folder}: its adapters {missing}", cure=f"Give that model, and the adapters with --lora {folder}."
    )


def family_of(pipeline_class: str, source: str) -> type[Editor]:
    """The family that a diffusers pipeline class belongs to. Raises ModelError if none is known."""
    for family in FAMILIES:
        if pipeline_class in family.traits.pipelines:
            return family
    names = ", ".join(f"{family.traits.name} ({family.traits.pipelines[0]})" for family in FAMILIES)
    raise ModelError(
        f"{source}: a {pipeline_class}, which is no editor that actionpairs knows.", cure=f"Give one of: {names}."
    )


def build_tiny(
    sizes: TinyModel, vae: AutoencoderKL, texts: Sequence[str], *, resolution: int, seed: int
) -> Editor:
    """Build a small editor of the family that `sizes` names around an autoencoder. Raises ModelError."""
    if sizes.family not in TINY:
        names = ", ".join(name for name in TINY if name is not None)
        raise ModelError(
            f"{sizes.family}: no editor that can be built from nothing.",
            cure=f"Leave it out, or give {names}.",
        )
    return TINY[sizes.family](sizes, vae, texts, resolution=resolution, seed=seed)


def load_autoencoder(source: str) -> AutoencoderKL:
    """Load only the autoencoder of a model. Raises ModelError if there is none."""
    try:
        vae = AutoencoderKL.from_pretrained(released.resolve(source), subfolder="vae", use_safetensors=True)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{source}: no autoencoder can be loaded: {one_line(error)}.",
            cure="Give a diffusers folder or hub id.",
        ) from error
    return vae.float().eval()
