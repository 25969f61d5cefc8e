#!/bin/sh
# A LoRA of FLUX.1 Kontext with examples/dreambooth/train_dreambooth_lora_flux_kontext.py of huggingface/diffusers,
# from examples/dreambooth/README_flux.md.
# sh train.sh PATH/TO/diffusers    (a checkout that is installed: pip install -e ., and requirements_flux.txt;
# accept the terms at huggingface.co/black-forest-labs/FLUX.1-Kontext-dev, then: hf auth login)
#
# Pictures: {{ sizes }}. They are not cropped to squares: the script makes buckets of each shape, in multiples
# of 16 pixels, of at most resolution² pixels, and makes none larger. It keeps all of them in memory.
# To change: resolution, max_train_steps, learning_rate, rank.
# No validation: the script refuses --validation_prompt together with --cond_image_column.
set -eu
trainer=$(cd "${1:?give the path of diffusers}" && pwd)
cd "$(dirname "$0")"
exec accelerate launch "$trainer/examples/dreambooth/train_dreambooth_lora_flux_kontext.py" \
    --pretrained_model_name_or_path=black-forest-labs/FLUX.1-Kontext-dev \
    --output_dir=output/flux_kontext \
    --dataset_name="$PWD" \
    --image_column=edited_image --cond_image_column=input_image --caption_column=edit_prompt \
    --mixed_precision=bf16 \
    --resolution={{ side }} --use_aspect_ratio_buckets \
    --train_batch_size=1 \
    --guidance_scale=1 \
    --gradient_accumulation_steps=4 \
    --gradient_checkpointing \
    --optimizer=adamw --use_8bit_adam \
    --cache_latents \
    --learning_rate=1e-4 --lr_scheduler=constant --lr_warmup_steps=200 \
    --max_train_steps=1000 \
    --rank=16 \
    --seed=0
