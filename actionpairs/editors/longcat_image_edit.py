"""LongCat-Image-Edit (arXiv 2512.07584): as FLUX.1 Kontext, with a text encoder that sees the picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from diffusers.pipelines.longcat_image.pipeline_longcat_image_edit import split_quotation
from PIL import Image
from torch import Tensor

from actionpairs.configs import TimesConfig
from actionpairs.editors.conditioning import Conditioning, concatenate
from actionpairs.editors.editor import Denoiser, Sampling, Traits
from actionpairs.editors.flow import ShiftedLatents, call, pack, positions, unpack
from actionpairs.errors import ModelError


class LongCatImageEdit(ShiftedLatents):
    """FLUX.1's latents and kinds of blocks, with other positions, no pooled text, and guidance by two passes."""

    traits = Traits(
        name="LongCat-Image-Edit",
        pipelines=("LongCatImageEditPipeline",),
        denoiser="transformer",
        blocks=("LongCatImageTransformerBlock", "LongCatImageSingleTransformerBlock"),
        text_layers=("add_q_proj", "add_k_proj", "add_v_proj", "to_add_out", "ff_context", "norm1_context"),
        lora_targets=("attn.to_q", "attn.to_k", "attn.to_v", "attn.to_out.0"),
        text_sees_picture=True,
        guided_by_picture=False,
        sampling=Sampling("", 50, 1.0, 4.5),
        patch=2,
        resolution=1024,
        dtype=torch.bfloat16,
    )

    times = TimesConfig(shift="resolution")  # as LongCat's own trainers

    @torch.no_grad()
    def condition(self, texts: Sequence[str], pictures: np.ndarray) -> Conditioning:
        """Qwen2.5-VL's output for the tokens of the picture, at half its size, and for 512 tokens of text.

        The denoiser sees the padding too. Raises ModelError for a longer text.
        """
        return concatenate(
            [
                self._condition(text, Image.fromarray(picture))
                for text, picture in zip(texts, pictures, strict=True)
            ]
        )

    def _condition(self, text: str, picture: Image.Image) -> Conditioning:
        """One row, which is all that the pipeline takes."""
        self._check_length(text)
        half = self.pipeline.image_processor.resize(picture, picture.height // 2, picture.width // 2)
        pipeline = _OnEncodersDevice(self.pipeline)
        return Conditioning(type(self.pipeline)._encode_prompt(pipeline, [text], half))

    def _check_length(self, text: str) -> None:
        """The pipeline's own warning about long texts is an error (diffusers' pull request 13526)."""
        tokenizer, most = self.pipeline.tokenizer, self.pipeline.tokenizer_max_length
        pieces = [part for piece, is_quoted in split_quotation(text) for part in (piece if is_quoted else [piece])]
        count = sum(len(tokenizer(piece, add_special_tokens=False)["input_ids"]) for piece in pieces)
        if count > most:
            raise ModelError(f"An instruction of {count} tokens; this model takes {most}.", cure="Shorten it.")

    def expected_tokens(self, height: int, width: int) -> int:
        """512 of text, padding included, and one for each 28×28 pixels of the picture at half its size."""
        return 512 + height * width // (4 * 28**2)

    # 6 parameters: those of `Editor.predict`
    def predict(
        self, denoiser: Denoiser, noisy: Tensor, times: Tensor, reference: Tensor, conditioning: Conditioning
    ) -> Tensor:
        """One pass. Positions stay in float32: those of pictures begin after the text, where bfloat16 has gaps."""
        dtype, device = conditioning.embeddings.dtype, noisy.device
        height, width = noisy.shape[-2:]
        tokens = pack(noisy)
        length = conditioning.embeddings.shape[1]
        start = torch.tensor([0, length, length])
        ids = [positions(height // 2, width // 2, first=place) + start for place in (1, 2)]
        output = call(
            denoiser,
            hidden_states=torch.cat([tokens, pack(reference)], 1).to(dtype),
            timestep=times.to(dtype),
            encoder_hidden_states=conditioning.embeddings,
            txt_ids=torch.arange(length, dtype=torch.float32)[:, None].mul(torch.tensor([0, 1, 1])).to(device),
            img_ids=torch.cat(ids).to(device),
        )
        return unpack(output[:, : tokens.shape[1]].float(), height, width)


class _OnEncodersDevice:
    """A pipeline whose device is its text encoder's; its own is that of any part, which may be elsewhere."""

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline
        self.device = pipeline.text_encoder.device

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pipeline, name)
