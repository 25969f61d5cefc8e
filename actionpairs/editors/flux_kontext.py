"""FLUX.1 Kontext (arXiv 2506.15742): the input picture's tokens follow those of the edit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from actionpairs.editors.conditioning import Conditioning
from actionpairs.editors.editor import Denoiser, Sampling, Traits
from actionpairs.editors.flow import GuidanceDistilled, ShiftedLatents, call, pack, positions, unpack


class FluxKontext(GuidanceDistilled, ShiftedLatents):
    """A double-stream transformer, distilled with guidance."""

    traits = Traits(
        name="FLUX.1 Kontext",
        pipelines=("FluxKontextPipeline",),
        denoiser="transformer",
        blocks=("FluxTransformerBlock", "FluxSingleTransformerBlock"),
        text_layers=("add_q_proj", "add_k_proj", "add_v_proj", "to_add_out", "ff_context", "norm1_context"),
        lora_targets=("attn.to_q", "attn.to_k", "attn.to_v", "attn.to_out.0"),
        text_sees_picture=False,
        guided_by_picture=False,
        sampling=Sampling("", 28, 1.0, 2.5),
        patch=2,
        resolution=1024,
        dtype=torch.bfloat16,
    )

    @torch.no_grad()
    def condition(self, texts: Sequence[str], pictures: np.ndarray) -> Conditioning:
        """T5's output for each text, padded to 512 tokens or to its tokenizer's length, and CLIP's pooled one."""
        device, length = self.pipeline.text_encoder.device, min(512, self.pipeline.tokenizer_2.model_max_length)
        embeddings, pooled, _ = self.pipeline.encode_prompt(list(texts), None, device, max_sequence_length=length)
        return Conditioning(embeddings, pooled=pooled)

    def expected_tokens(self, height: int, width: int) -> int:
        """512, unless the tokenizer takes fewer."""
        tokenizer = self.pipeline.tokenizer_2
        return 512 if tokenizer is None else min(512, tokenizer.model_max_length)

    def expected_conditioning(self, height: int, width: int) -> Conditioning:
        """With the pooled text."""
        embeddings, config = (
            super().expected_conditioning(height, width).embeddings,
            cast(Any, self.denoiser.config),
        )
        return Conditioning(embeddings, pooled=embeddings.new_zeros(1, config.pooled_projection_dim))

    # 7 parameters: those of `Editor.predict`, and the guidance scale
    def predict_at(
        self,
        denoiser: Denoiser,
        noisy: Tensor,
        times: Tensor,
        reference: Tensor,
        conditioning: Conditioning,
        *,
        guidance: float,
    ) -> Tensor:
        """One pass."""
        dtype, device = conditioning.embeddings.dtype, noisy.device
        height, width = noisy.shape[-2:]
        tokens = pack(noisy)
        ids = [positions(height // 2, width // 2, first=place) for place in range(2)]
        output = call(
            denoiser,
            hidden_states=torch.cat([tokens, pack(reference)], 1).to(dtype),
            timestep=times.to(dtype),
            guidance=torch.full((len(noisy),), guidance, device=device)
            if self.pipeline.transformer.config.guidance_embeds
            else None,
            pooled_projections=conditioning.pooled,
            encoder_hidden_states=conditioning.embeddings,
            txt_ids=torch.zeros(conditioning.embeddings.shape[1], 3, device=device, dtype=dtype),
            img_ids=torch.cat(ids).to(device, dtype),
        )
        return unpack(output[:, : tokens.shape[1]].float(), height, width)
