#!/bin/sh
# A LoRA of FLUX.2 klein base 4B with examples/dreambooth/train_dreambooth_lora_flux2_klein_img2img.py of
# huggingface/diffusers, from examples/dreambooth/README_flux2.md.
# sh train_flux2_klein.sh PATH/TO/diffusers    (a checkout that is installed: pip install -e ., and requirements_flux.txt)
#
# Pictures: {{ sizes }}. The script makes buckets of each shape, in multiples of 16 pixels, of at most resolution²
# pixels. It crops the picture before to multiples of 8 first: sizes that are no such multiple shift by a few pixels.
# To change: resolution, max_train_steps, learning_rate, rank. FLUX.2 [dev]: train_dreambooth_lora_flux2_img2img.py.
set -eu
trainer=$(cd "${1:?give the path of diffusers}" && pwd)
cd "$(dirname "$0")"
exec accelerate launch "$trainer/examples/dreambooth/train_dreambooth_lora_flux2_klein_img2img.py" \
    --pretrained_model_name_or_path=black-forest-labs/FLUX.2-klein-base-4B \
    --output_dir=output/flux2_klein \
    --dataset_name="$PWD" \
    --image_column=edited_image --cond_image_column=input_image --caption_column=edit_prompt \
{% if validation %}
    --validation_prompt={{ shell(validation[0].prompt) }} --validation_image={{ shell(validation[0].path) }} \
    --validation_epochs=1 --num_validation_images=1 \
{% endif %}
    --mixed_precision=bf16 \
    --resolution={{ side }} --use_aspect_ratio_buckets \
    --train_batch_size=1 \
    --guidance_scale=1 \
    --gradient_accumulation_steps=4 \
    --gradient_checkpointing \
    --optimizer=adamw --use_8bit_adam \
    --cache_latents \
    --learning_rate=1e-4 --lr_scheduler=constant_with_warmup --lr_warmup_steps=200 \
    --max_train_steps=1000 \
    --rank=16 \
    --seed=0
