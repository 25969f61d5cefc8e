"""Guidance: how predictions with and without the picture and the text are combined in sampling."""

from __future__ import annotations

import torch
from torch import Tensor

from actionpairs.editors.conditioning import Conditioning, GuidedTexts, concatenate
from actionpairs.editors.editor import Editor, Sampling


# 6 parameters: what `Editor.guided` takes, and the editor
def three_way(
    editor: Editor, noisy: Tensor, time: Tensor, reference: Tensor, texts: GuidedTexts, sampling: Sampling
) -> Tensor:
    """Guided by the picture and the text, in one pass over three copies of the batch: B C h w.

    The copies are in diffusers' order: where a sum is cut into blocks, its last bits depend on the row.
    """
    assert texts.null is not None
    conditioning = concatenate([texts.texts, texts.null, texts.null])
    references = torch.cat([reference, reference, torch.zeros_like(reference)])
    times = time.repeat(3) if time.dim() else time
    predicted = editor.predict(editor.denoiser, torch.cat([noisy] * 3), times, references, conditioning)
    both, image_only, neither = predicted.chunk(3)
    return guide(torch.cat([neither, image_only, both]), sampling.image_guidance, sampling.text_guidance)


def guide(predicted: Tensor, image_guidance: float, text_guidance: float) -> Tensor:
    """ε(∅,∅) + s_i [ε(c_I,∅) − ε(∅,∅)] + s_c [ε(c_I,c_T) − ε(c_I,∅)] (arXiv 2211.09800, equation 3).

    predicted: 3B 4 h w, the three predictions in this order; returns B 4 h w. Added up in diffusers' order.
    """
    neither, image_only, both = predicted.chunk(3)
    return neither + text_guidance * (both - image_only) + image_guidance * (image_only - neither)


# 6 parameters: what `Editor.guided` takes, and the editor
def classifier_free(
    editor: Editor, noisy: Tensor, time: Tensor, reference: Tensor, texts: GuidedTexts, scale: float
) -> Tensor:
    """v(∅) + s [v(c) − v(∅)] (arXiv 2207.12598): B C h w. One pass where there is no null text."""

    def predict(conditioning: Conditioning) -> Tensor:
        return editor.predict(editor.denoiser, noisy, time, reference, conditioning)

    predicted = predict(texts.texts)
    if texts.null is None:
        return predicted
    null = predict(texts.null)
    return null + scale * (predicted - null)


def with_norm_of(combined: Tensor, predicted: Tensor) -> Tensor:
    """A guided prediction, with each token's length as it was before guidance. Both B N D."""
    before: Tensor = torch.norm(predicted, dim=-1, keepdim=True)
    after: Tensor = torch.norm(combined, dim=-1, keepdim=True)
    return combined * (before / after)
