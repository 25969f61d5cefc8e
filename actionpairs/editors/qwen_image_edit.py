"""Qwen-Image-Edit (arXiv 2508.02324), and Edit-Plus, as 2509 and 2511 are: the text encoder sees the picture."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit_plus as plus
from PIL import Image
from torch import Tensor

from actionpairs.configs import TimesConfig
from actionpairs.editors.conditioning import Conditioning, GuidedTexts, concatenate
from actionpairs.editors.editor import Denoiser, Sampling, Traits, to_pictures
from actionpairs.editors.flow import FlowEditor, call, pack, unpack
from actionpairs.editors.guidance import with_norm_of

_SENTENCE = 24  # tokens of a usual instruction and of what the pipeline puts around it


class QwenImageEdit(FlowEditor):
    """A double-stream transformer over the tokens of the edit, then those of the input picture."""

    traits = Traits(
        name="Qwen-Image-Edit",
        pipelines=("QwenImageEditPipeline",),
        denoiser="transformer",
        blocks=("QwenImageTransformerBlock",),
        text_layers=("add_q_proj", "add_k_proj", "add_v_proj", "to_add_out", "txt_mlp", "txt_mod"),
        lora_targets=("attn.to_q", "attn.to_k", "attn.to_v", "attn.to_out.0"),
        text_sees_picture=True,
        guided_by_picture=False,
        sampling=Sampling("", 50, 1.0, 4.0),
        patch=2,
        resolution=1024,
        dtype=torch.bfloat16,
    )
    times = TimesConfig(shift="resolution")  # as in sampling: musubi-tuner's qwen_shift

    def null_text(self) -> str:
        """A space, as in the model's documentation: without any text its pipeline does not guide."""
        return " "

    def encode(self, pictures: np.ndarray) -> tuple[Tensor, Tensor]:
        """Unscaled. The autoencoder is one of videos; a picture is a video of one frame."""
        posterior = self.autoencoder.encode(self.signed(pictures).unsqueeze(2)).latent_dist
        return posterior.mean[:, :, 0].float(), posterior.std[:, :, 0].float()

    def normalize(self, latents: Tensor) -> Tensor:
        """Shifted and scaled channel by channel."""
        return (latents - self._per_channel("latents_mean", latents)) / self._per_channel("latents_std", latents)

    def decode(self, latents: Tensor) -> np.ndarray:
        """The autoencoder's pictures."""
        latents = latents.to(self.autoencoder.dtype)
        factors = 1.0 / self._per_channel("latents_std", latents)
        raw = latents / factors + self._per_channel("latents_mean", latents)
        return to_pictures(self.autoencoder.decode(raw.unsqueeze(2), return_dict=False)[0][:, :, 0])

    def _per_channel(self, name: str, latents: Tensor) -> Tensor:
        return torch.tensor(self.autoencoder.config[name]).view(1, -1, 1, 1).to(latents.device, latents.dtype)

    @torch.no_grad()
    def condition(self, texts: Sequence[str], pictures: np.ndarray) -> Conditioning:
        """Qwen2.5-VL's output for each text and picture. Row by row, so that no row depends on the others."""
        rows = [
            self._condition(text, [Image.fromarray(picture)])
            for text, picture in zip(texts, pictures, strict=True)
        ]
        return concatenate(rows)

    def _condition(self, text: str, pictures: Sequence[Image.Image]) -> Conditioning:
        """One row. The pipeline takes a list of pictures as the pictures of one text."""
        smaller = [self._for_text(picture) for picture in pictures]
        embeddings, _ = self.pipeline.encode_prompt(text, smaller, self.pipeline.text_encoder.device)
        return Conditioning(embeddings)

    def expected_tokens(self, height: int, width: int) -> int:
        """One for each 28×28 pixels of the picture, and those of a short sentence."""
        return height * width // 28**2 + _SENTENCE

    def _for_text(self, picture: Image.Image) -> Image.Image:
        """The picture as the text encoder sees it: as large as the autoencoder does."""
        return picture

    # 6 parameters: those of `Editor.predict`
    def predict(
        self, denoiser: Denoiser, noisy: Tensor, times: Tensor, reference: Tensor, conditioning: Conditioning
    ) -> Tensor:
        """One pass. With `zero_cond_t` (2511), the picture's tokens are at time 0, which the denoiser sees to."""
        dtype = conditioning.embeddings.dtype
        height, width = noisy.shape[-2:]
        pictures = (noisy, reference, *conditioning.more_pictures)
        tokens = [pack(latents) for latents in pictures]
        sizes = [(1, latents.shape[-2] // 2, latents.shape[-1] // 2) for latents in pictures]
        output = call(
            denoiser,
            hidden_states=torch.cat(tokens, 1).to(dtype),
            timestep=times.to(dtype),
            encoder_hidden_states=conditioning.embeddings,
            encoder_hidden_states_mask=conditioning.mask,
            img_shapes=[sizes] * len(noisy),
        )
        return unpack(output[:, : tokens[0].shape[1]].float(), height, width)

    def guided(
        self, noisy: Tensor, time: Tensor, reference: Tensor, texts: GuidedTexts, sampling: Sampling
    ) -> Tensor:
        """Guided by the text; each token then gets the length that it has without guidance."""
        times, size = time.expand(len(noisy)), noisy.shape[-2:]
        predicted = self.predict(self.denoiser, noisy, times, reference, texts.texts)
        if texts.null is None:
            return predicted
        null = self.predict(self.denoiser, noisy, times, reference, texts.null)
        combined = null + sampling.text_guidance * (predicted - null)
        return unpack(with_norm_of(pack(combined), pack(predicted)), *size)


class QwenImageEditPlus(QwenImageEdit):
    """Made for several pictures: its text names them, and the text encoder sees a smaller one."""

    traits = dataclasses.replace(
        QwenImageEdit.traits,
        name="Qwen-Image-Edit-Plus",
        pipelines=("QwenImageEditPlusPipeline",),
        sampling=Sampling("", 40, 1.0, 4.0),
        most_pictures=3,
    )

    @torch.no_grad()
    def condition_several(self, texts: Sequence[str], pictures: Sequence[np.ndarray]) -> Conditioning:
        """The text encoder sees all pictures, each under its number."""
        rows = [
            self._condition(text, [Image.fromarray(each[number]) for each in pictures])
            for number, text in enumerate(texts)
        ]
        return concatenate(rows)

    def expected_tokens(self, height: int, width: int) -> int:
        """Of a picture of 384² pixels."""
        return super().expected_tokens(384, 384)

    def _for_text(self, picture: Image.Image) -> Image.Image:
        """The picture at about 384² pixels, whatever the size of the edit."""
        width, height = plus.calculate_dimensions(plus.CONDITION_IMAGE_SIZE, picture.width / picture.height)
        smaller: Image.Image = self.pipeline.image_processor.resize(picture, height, width)
        return smaller
