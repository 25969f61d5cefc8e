"""Whether a model knows which instruction belongs to a pair: P(d⁺ < d⁻) (AURORA's DiscEdit, arXiv 2407.03471)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from actionpairs.data.examples import to_signed
from actionpairs.editors.instruct_pix2pix import Editor
from actionpairs.training import losses
from actionpairs.training.editor_task import Diffusion

DRAWS = 8  # times and noises a pair, over which the errors are summed


@torch.inference_mode()
def margins(
    editor: Editor, pairs: np.ndarray, right: Sequence[str], wrong: Sequence[str], *, seeds: Sequence[int]
) -> np.ndarray:
    """d⁻ − d⁺: how much worse the truth's noise is told under a wrong instruction than under the right one.

    pairs: B 2 S S 3 uint8, input and truth; returns B float64. d⁺ and d⁻ are squared errors on the same noise at
    the same times, one from each of DRAWS equal parts of the schedule, drawn from each sample's own seed.
    """
    device, diffusion = editor.unet.device, Diffusion.of(editor)
    signed = to_signed(pairs, device)
    original, clean = (editor.vae.encode(signed[:, place]).latent_dist.mode() for place in range(2))
    clean = diffusion.scale * clean
    texts = torch.cat([editor.embed(right), editor.embed(wrong)])
    generators = [np.random.default_rng(seed) for seed in seeds]
    found = np.zeros(len(pairs))
    for part in range(DRAWS):
        times = torch.tensor([_time(each, part, len(diffusion.alphas)) for each in generators])
        drawn = np.stack([each.standard_normal(clean.shape[1:], dtype=np.float32) for each in generators])
        noise, alphas = torch.from_numpy(drawn).to(device), diffusion.alphas[times].to(device)
        target = losses.target(clean, noise, alphas, prediction_type=diffusion.prediction_type)
        inputs = torch.cat([losses.noised(clean, noise, alphas), original], 1).repeat(2, 1, 1, 1)
        answers = editor.unet(inputs, times.to(device).repeat(2), encoder_hidden_states=texts).sample.float()
        under_right, under_wrong = (losses.squared_errors(answer, target) for answer in answers.chunk(2))
        found += np.asarray((under_wrong - under_right).double().cpu())
    return found


def _time(generator: np.random.Generator, part: int, count: int) -> int:
    return int((part + generator.random()) / DRAWS * count)
