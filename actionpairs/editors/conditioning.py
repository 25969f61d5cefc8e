"""Instructions as a denoiser takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Conditioning:
    """The instructions of a batch as the denoiser takes them.

    embeddings: B L D. mask: B L, bool, which tokens are real; None if all are. pooled: B P, one vector for the
    whole text, in families that have it. more_pictures: the latents of further input pictures, B C h w each.
    """

    embeddings: Tensor
    mask: Tensor | None = None
    pooled: Tensor | None = None
    more_pictures: tuple[Tensor, ...] = ()

    def to(self, device: torch.device | None = None, dtype: torch.dtype | None = None) -> Conditioning:
        """The same on a device, with numbers of this type."""
        mask = None if self.mask is None else self.mask.to(device)
        pooled = None if self.pooled is None else self.pooled.to(device, dtype)
        more = tuple(each.to(device, dtype) for each in self.more_pictures)
        return Conditioning(self.embeddings.to(device, dtype), mask, pooled, more)

    def expand(self, count: int) -> Conditioning:
        """One row, repeated `count` times."""
        return concatenate([self] * count)


def concatenate(parts: Sequence[Conditioning]) -> Conditioning:
    """The rows of all parts. Shorter texts are padded with zeros, which the mask leaves out."""
    if len(parts) == 1:
        return parts[0]
    longest = max(part.embeddings.shape[1] for part in parts)
    is_padded = any(part.mask is not None or part.embeddings.shape[1] < longest for part in parts)
    padded = [F.pad(part.embeddings, (0, 0, 0, longest - part.embeddings.shape[1])) for part in parts]
    masks = [F.pad(_mask(part), (0, longest - part.embeddings.shape[1])) for part in parts] if is_padded else []
    pooled = [part.pooled for part in parts if part.pooled is not None]
    more = tuple(torch.cat(each) for each in zip(*(part.more_pictures for part in parts), strict=True))
    return Conditioning(
        torch.cat(padded), torch.cat(masks) if masks else None, torch.cat(pooled) if pooled else None, more
    )


def _mask(part: Conditioning) -> Tensor:
    if part.mask is not None:
        return part.mask
    return torch.ones(part.embeddings.shape[:2], dtype=torch.bool, device=part.embeddings.device)


@dataclass(frozen=True, slots=True)
class GuidedTexts:
    """The instructions that edits are guided by, and the null text that they are compared with."""

    texts: Conditioning
    null: Conditioning | None
