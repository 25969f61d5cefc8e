"""How the tiny pipeline of each editing family is built."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from diffusers import (
    AutoencoderKLFlux2,
    AutoencoderKLQwenImage,
    AutoencoderTiny,
    DiffusionPipeline,
    DreamLitePipeline,
    DreamLiteUNetModel,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    Flux2KleinPipeline,
    Flux2Pipeline,
    Flux2Transformer2DModel,
    FluxKontextPipeline,
    FluxTransformer2DModel,
    LongCatImageEditPipeline,
    LongCatImageTransformer2DModel,
    QwenImageEditPipeline,
    QwenImageEditPlusPipeline,
    QwenImageTransformer2DModel,
    StableDiffusionInstructPix2PixPipeline,
    StableDiffusionXLInstructPix2PixPipeline,
)
from transformers import (
    CLIPTextModel,
    CLIPTextModelWithProjection,
    Mistral3Config,
    Mistral3ForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2VLProcessor,
    Qwen3Config,
    Qwen3ForCausalLM,
    Qwen3VLProcessor,
    T5Config,
    T5EncoderModel,
)

from tests.editors import tiny_parts as parts
from tests.editors import tiny_tokenizers as tokenizers
from tests.editors.tiny_parts import WIDTH

NOISE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}


def sd() -> StableDiffusionInstructPix2PixPipeline:
    tokenizer = tokenizers.clip()
    return StableDiffusionInstructPix2PixPipeline(
        vae=parts.autoencoder(),
        text_encoder=CLIPTextModel(parts.clip_config(tokenizer)),
        tokenizer=tokenizer,
        unet=parts.unet(
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
            cross_attention_dim=WIDTH,
            attention_head_dim=8,
        ),
        scheduler=EulerAncestralDiscreteScheduler(**NOISE),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def sdxl() -> StableDiffusionXLInstructPix2PixPipeline:
    tokenizer, tokenizer_2 = tokenizers.clip(), tokenizers.clip()
    tokenizer_2.pad_token = "!"
    return StableDiffusionXLInstructPix2PixPipeline(
        vae=parts.autoencoder(scaling_factor=0.13025),
        text_encoder=CLIPTextModel(parts.clip_config(tokenizer)),
        text_encoder_2=CLIPTextModelWithProjection(parts.clip_config(tokenizer_2)),
        tokenizer=tokenizer,
        tokenizer_2=tokenizer_2,
        unet=parts.unet(
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=2 * WIDTH,
            attention_head_dim=(2, 4),
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=6 * 8 + WIDTH,  # six time ids and the pooled text
        ),
        scheduler=EulerDiscreteScheduler(**NOISE),
        add_watermarker=False,
    )


def kontext() -> FluxKontextPipeline:
    clip, t5 = tokenizers.clip(), tokenizers.t5()
    t5_config = T5Config(
        vocab_size=len(t5),
        d_model=WIDTH,
        d_kv=8,
        d_ff=32,
        num_layers=2,
        num_heads=2,
        feed_forward_proj="gated-gelu",
    )
    return FluxKontextPipeline(
        scheduler=parts.flow_scheduler(shift=3.0),
        vae=parts.autoencoder(
            use_quant_conv=False, use_post_quant_conv=False, shift_factor=0.1159, scaling_factor=0.3611
        ),
        text_encoder=CLIPTextModel(parts.clip_config(clip)),
        tokenizer=clip,
        text_encoder_2=T5EncoderModel(t5_config),
        tokenizer_2=t5,
        transformer=FluxTransformer2DModel(
            patch_size=1,
            in_channels=16,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=WIDTH,
            pooled_projection_dim=WIDTH,
            axes_dims_rope=(4, 4, 8),
            guidance_embeds=True,
        ),
    )


def flux2_parts(*, guidance_embeds: bool) -> dict[str, Any]:
    """Scheduler, autoencoder and transformer. The autoencoder's batch statistics are not those of white noise."""
    vae = AutoencoderKLFlux2(**parts.autoencoder_sizes(), latent_channels=4)
    vae.bn.running_mean.normal_(std=0.2)
    vae.bn.running_var.uniform_(0.5, 2.0)
    transformer = Flux2Transformer2DModel(
        patch_size=1,
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=3 * WIDTH,  # the hidden states of three layers
        timestep_guidance_channels=256,
        axes_dims_rope=(4, 4, 4, 4),
        guidance_embeds=guidance_embeds,
    )
    return {"scheduler": parts.flow_scheduler(), "vae": vae, "transformer": transformer}


def flux2() -> Flux2Pipeline:
    tokenizer = tokenizers.mistral()
    text = parts.causal_sizes(tokenizer, layers=31)  # the states after 10, 20 and 30 are used
    vision = {
        "model_type": "pixtral",
        "hidden_size": WIDTH,
        "intermediate_size": 2 * WIDTH,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": 28,
        "patch_size": 14,
    }
    config = Mistral3Config(
        text_config={"model_type": "mistral", "sliding_window": None, **text},
        vision_config=vision,
        image_token_index=tokenizer.convert_tokens_to_ids("[IMG]"),
    )
    return Flux2Pipeline(
        **flux2_parts(guidance_embeds=True),
        text_encoder=Mistral3ForConditionalGeneration(config),
        tokenizer=tokenizer,
    )


def flux2_klein() -> Flux2KleinPipeline:
    tokenizer = tokenizers.qwen()
    config = Qwen3Config(**parts.causal_sizes(tokenizer, layers=28))  # the states after 9, 18 and 27 are used
    return Flux2KleinPipeline(
        **flux2_parts(guidance_embeds=False), text_encoder=Qwen3ForCausalLM(config), tokenizer=tokenizer
    )


def qwen_parts(processor_class: type[Any], *, zero_cond_t: bool = False) -> dict[str, Any]:
    processor = tokenizers.qwen_processor(processor_class)
    means = torch.randn(4).mul(0.3).tolist()
    return {
        "scheduler": parts.flow_scheduler(shift_terminal=0.02),
        "vae": AutoencoderKLQwenImage(
            base_dim=4, z_dim=4, num_res_blocks=1, latents_mean=means, latents_std=[0.5, 0.8, 1.5, 2.0]
        ),
        "text_encoder": parts.qwen_encoder(processor.tokenizer),
        "tokenizer": processor.tokenizer,
        "processor": processor,
        "transformer": QwenImageTransformer2DModel(
            in_channels=16,
            out_channels=4,
            num_layers=2,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=WIDTH,
            axes_dims_rope=(8, 4, 4),
            zero_cond_t=zero_cond_t,
        ),
    }


def longcat() -> LongCatImageEditPipeline:
    processor = tokenizers.qwen_processor(Qwen2_5_VLProcessor)
    return LongCatImageEditPipeline(
        scheduler=parts.flow_scheduler(),
        vae=parts.autoencoder(latent_channels=16, shift_factor=0.1159, scaling_factor=0.3611),  # 16 is hard-wired
        text_encoder=parts.qwen_encoder(processor.tokenizer),
        tokenizer=processor.tokenizer,
        text_processor=processor,
        transformer=LongCatImageTransformer2DModel(
            in_channels=64,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=WIDTH,
            pooled_projection_dim=WIDTH,
            axes_dims_rope=(4, 4, 8),
        ),
    )


def dreamlite() -> DreamLitePipeline:
    processor = tokenizers.qwen_processor(Qwen3VLProcessor, patch_size=16, side=64)
    channels = (8, 8, 8, 8)
    vae = AutoencoderTiny(
        encoder_block_out_channels=channels,
        decoder_block_out_channels=channels,
        num_encoder_blocks=(1, 1, 1, 1),
        num_decoder_blocks=(1, 1, 1, 1),
    )
    vae.decoder.layers[-1].weight.data *= 8  # else all pictures are gray
    return DreamLitePipeline(
        text_encoder=parts.qwen3_encoder(processor.tokenizer),
        tokenizer=processor.tokenizer,
        processor=processor,
        vae=vae,
        unet=DreamLiteUNetModel(
            sample_size=8,
            block_out_channels=(16, 32, 32),
            cross_attention_dim=WIDTH,
            attention_head_dim=8,
            layers_per_block=1,
            norm_num_groups=8,
            ff_mult=2,
        ),
        scheduler=parts.flow_scheduler(),
    )


BUILDERS: dict[str, Callable[[], DiffusionPipeline]] = {
    "sd": sd,
    "sdxl": sdxl,
    "kontext": kontext,
    "flux2": flux2,
    "flux2-klein": flux2_klein,
    "qwen": lambda: QwenImageEditPipeline(**qwen_parts(Qwen2VLProcessor)),
    "qwen-plus": lambda: QwenImageEditPlusPipeline(**qwen_parts(Qwen2VLProcessor)),
    "qwen-2511": lambda: QwenImageEditPlusPipeline(**qwen_parts(Qwen2VLProcessor, zero_cond_t=True)),
    "longcat": longcat,
    "dreamlite": dreamlite,
}
