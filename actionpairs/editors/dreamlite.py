"""DreamLite (arXiv 2603.28713): a small U-Net that sees the input picture to the right of the edit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from actionpairs.editors.conditioning import Conditioning, GuidedTexts, concatenate
from actionpairs.editors.editor import Denoiser, Sampling, Traits, to_pictures
from actionpairs.editors.flow import FlowEditor, call
from actionpairs.editors.guidance import three_way

_PROMPT = (  # as DreamLitePipeline.__call__ words it; the null text goes without
    "[Edit]: A diptych with two side-by-side images of the same scene. "
    "Compared to the right side, the left one has {}"
)

_SENTENCE = 48  # tokens


class DreamLite(FlowEditor):
    """A U-Net cut from SDXL's. Its self-attention, at the lowest level only, joins the two pictures."""

    traits = Traits(
        name="DreamLite",
        pipelines=("DreamLitePipeline",),
        denoiser="unet",
        blocks=("BasicTransformerBlockDreamLite", "ResnetBlock2DDreamLite"),
        text_layers=("attn2",),
        lora_targets=("attn1.to_q", "attn1.to_k", "attn1.to_v", "attn1.to_out.0"),
        text_sees_picture=True,
        guided_by_picture=True,
        sampling=Sampling("", 30, 1.5, 3.5),
        patch=2,
        resolution=1024,
        dtype=torch.bfloat16,
    )
    time_unit = 1000.0

    def encode(self, pictures: np.ndarray) -> tuple[Tensor, Tensor]:
        """The tiny autoencoder gives no distribution: the deviation is 0."""
        latents: Tensor = self.autoencoder.encode(self.signed(pictures)).latents.float()
        return latents, torch.zeros_like(latents)

    def normalize(self, latents: Tensor) -> Tensor:
        """Shifted and scaled."""
        config = self.autoencoder.config
        normalized: Tensor = (latents - config.shift_factor) * config.scaling_factor
        return normalized

    def reference(self, latents: Tensor) -> Tensor:
        """The pipeline neither shifts nor scales the input picture's latents."""
        return latents

    def decode(self, latents: Tensor) -> np.ndarray:
        """The autoencoder's pictures."""
        config = self.autoencoder.config
        raw = (latents / config.scaling_factor) + config.shift_factor
        return to_pictures(self.autoencoder.decode(raw.to(self.autoencoder.dtype), return_dict=False)[0])

    @torch.no_grad()
    def condition(self, texts: Sequence[str], pictures: np.ndarray) -> Conditioning:
        """Qwen3-VL's states for each text beside its picture. The pipeline encodes one picture at a time."""
        encoder = self.pipeline.text_encoder
        parts = []
        for text, picture in zip(texts, pictures, strict=True):
            prompt = text if text == self.null_text() else _PROMPT.format(text)
            embeddings, mask = self.pipeline.encode_prompt(
                "edit", [prompt], encoder.device, encoder.dtype, image=Image.fromarray(picture)
            )
            parts.append(Conditioning(embeddings, mask.bool()))
        return concatenate(parts)

    def expected_tokens(self, height: int, width: int) -> int:
        """One for each 32×32 pixels of the picture, and those of a sentence in the pipeline's words."""
        return height * width // 32**2 + _SENTENCE

    # 6 parameters: those of `Editor.predict`
    def predict(
        self, denoiser: Denoiser, noisy: Tensor, times: Tensor, reference: Tensor, conditioning: Conditioning
    ) -> Tensor:
        """One pass over both pictures side by side; the left half is the prediction."""
        dtype, rows = conditioning.embeddings.dtype, len(noisy)
        height, width = noisy.shape[-2:]
        size = torch.tensor([[width * self.factor, height * self.factor]], device=noisy.device, dtype=dtype)
        output = call(
            denoiser,
            sample=torch.cat([noisy, reference], 3).to(dtype),
            timestep=times.expand(rows).to(dtype),
            encoder_hidden_states=conditioning.embeddings,
            encoder_attention_mask=conditioning.mask,
            added_cond_kwargs={"time_ids": size.expand(rows, -1)},
        )
        return output[..., :width].float()

    def guided(
        self, noisy: Tensor, time: Tensor, reference: Tensor, texts: GuidedTexts, sampling: Sampling
    ) -> Tensor:
        """Guided by the picture and by the text, as InstructPix2Pix is."""
        return three_way(self, noisy, time, reference, texts, sampling)
