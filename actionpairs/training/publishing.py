"""Writing a trained editor into its folder."""

from __future__ import annotations

from pathlib import Path

from actionpairs.configs import EditorConfig, PretrainedModel
from actionpairs.editors import lora
from actionpairs.editors.editor import Editor
from actionpairs.training import checkpoints


def publish(trained: Editor, config: EditorConfig, out: Path) -> None:
    """Write the editor into OUT: the whole model, the adapters by themselves, or both, as the recipe says."""
    unfinished = out / ".model"
    if config.lora:
        lora.save(trained, unfinished / lora.FOLDER, base=base_of(config))
        if config.lora.merge:
            lora.merge(trained)
    if not config.lora or config.lora.merge:
        trained.save(unfinished)
    checkpoints.publish_contents(unfinished, out)


def base_of(config: EditorConfig) -> str:
    """The model that training starts from, as the recipe names it; `base` is built from nothing."""
    return config.model.source if isinstance(config.model, PretrainedModel) else "base"
