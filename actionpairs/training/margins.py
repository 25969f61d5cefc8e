"""Margins: how much worse a model predicts pairs under wrong instructions than under their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from actionpairs.editors.conditioning import Conditioning
from actionpairs.editors.editor import Editor
from actionpairs.editors.noise import noised
from actionpairs.training import losses

TIMES_PER_SAMPLE = 8  # diffusion times and noises for each pair, over which the errors are summed


@dataclass(frozen=True, slots=True)
class EncodedTexts:
    """Of B pairs, the right instruction and one wrong instruction of each kind, as the denoiser takes them.

    counted: kind → B bool, which pairs have such a wrong instruction; the others have the right one in its place.
    """

    right: Conditioning
    wrong: Mapping[str, Conditioning]
    counted: Mapping[str, np.ndarray]


@torch.inference_mode()
def encode(
    editor: Editor, pictures: np.ndarray, right: Sequence[str], wrong: Mapping[str, Sequence[str | None]]
) -> EncodedTexts:
    """Encode the instructions of B pairs. A kind of which no pair has a wrong instruction is left out.

    pictures: the inputs, B H W 3 uint8. wrong: kind → B texts, None where a pair has no such wrong instruction.
    """
    wrong = {kind: texts for kind, texts in wrong.items() if any(text is not None for text in texts)}
    filled = {
        kind: [own if text is None else text for own, text in zip(right, texts, strict=True)]
        for kind, texts in wrong.items()
    }
    return EncodedTexts(
        editor.condition(right, pictures),
        {kind: editor.condition(texts, pictures) for kind, texts in filled.items()},
        {kind: np.array([text is not None for text in texts]) for kind, texts in wrong.items()},
    )


def hits(editor: Editor, pairs: np.ndarray, texts: EncodedTexts, *, seeds: Sequence[int]) -> dict[str, np.ndarray]:
    """For each kind of wrong instruction, 100 where d⁺ < d⁻, else 0: B float64, NaN where a pair has none.

    Their mean is the discrimination in %. See `margins`.
    """
    differences = margins(editor, pairs, texts.right, list(texts.wrong.values()), seeds=seeds)
    return {
        kind: np.where(texts.counted[kind], 100.0 * (values > 0), np.nan)
        for kind, values in zip(texts.wrong, differences, strict=True)
    }


@torch.inference_mode()
def margins(
    editor: Editor, pairs: np.ndarray, right: Conditioning, wrong: Sequence[Conditioning], *, seeds: Sequence[int]
) -> np.ndarray:
    """d⁻ − d⁺: how much worse the truth's noise is predicted under K wrong instructions than under the right one.

    pairs: B 2 H W 3 uint8, input and truth. right, wrong: B encoded texts each, on any device; no text is encoded
    here. Returns K B float64. All errors are squared errors on the same noise at the same times, one from each of
    TIMES_PER_SAMPLE equal parts of the schedule, drawn by each pair's own seed.
    """
    process, device = editor.noise_process(), editor.device
    original, clean = (editor.encode(pairs[:, place])[0] for place in range(2))
    clean, reference = editor.normalize(clean), editor.reference(original).to(editor.dtype)
    texts = [each.to(device, editor.dtype) for each in (right, *wrong)]
    generators = [np.random.default_rng(seed) for seed in seeds]
    errors = np.zeros((len(texts), len(pairs)))
    for part in range(TIMES_PER_SAMPLE):
        shares = [(part + each.random()) / TIMES_PER_SAMPLE for each in generators]
        times = torch.tensor([process.at(share) for share in shares]).to(device)
        drawn = np.stack([each.standard_normal(clean.shape[1:], dtype=np.float32) for each in generators])
        noise = torch.from_numpy(drawn).to(device)
        noisy, target = noised(process, clean, noise, times).to(editor.dtype), process.target(clean, noise, times)
        for row, conditioning in enumerate(texts):
            predicted = editor.predict(editor.denoiser, noisy, times, reference, conditioning)
            errors[row] += losses.squared_errors(predicted, target).double().cpu().numpy()
    differences: np.ndarray = errors[1:] - errors[0]
    return differences
