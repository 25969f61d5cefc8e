#!/bin/sh
# InstructPix2Pix with examples/instruct_pix2pix/train_instruct_pix2pix.py of huggingface/diffusers, from its README.
# sh train_instruct_pix2pix.sh PATH/TO/diffusers    (a checkout that is installed: pip install -e ., and requirements.txt)
#
# Pictures: {{ sizes }}. This script makes every picture a square by stretching it: 16:9 becomes 1:1. To train at
# the pictures' own shape, use `actionpairs train`. No --random_flip: it would turn left into right.
# To change: resolution, train_batch_size, max_train_steps. No validation: it takes a URL (--val_image_url).
set -eu
trainer=$(cd "${1:?give the path of diffusers}" && pwd)
cd "$(dirname "$0")"
exec accelerate launch --mixed_precision=fp16 "$trainer/examples/instruct_pix2pix/train_instruct_pix2pix.py" \
    --pretrained_model_name_or_path=stable-diffusion-v1-5/stable-diffusion-v1-5 \
    --output_dir=output/instruct_pix2pix \
    --dataset_name="$PWD" \
    --original_image_column=input_image --edited_image_column=edited_image --edit_prompt_column=edit_prompt \
    --resolution=256 \
    --train_batch_size=4 --gradient_accumulation_steps=4 --gradient_checkpointing \
    --max_train_steps=15000 \
    --checkpointing_steps=5000 --checkpoints_total_limit=1 \
    --learning_rate=5e-05 --max_grad_norm=1 --lr_warmup_steps=0 \
    --conditioning_dropout_prob=0.05 \
    --seed=42
