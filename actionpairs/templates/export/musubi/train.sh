#!/bin/sh
# A LoRA of Qwen-Image-Edit-2511 with kohya-ss/musubi-tuner, from docs/qwen_image.md of that project.
# sh train.sh PATH/TO/musubi-tuner    (a checkout that is installed: pip install -e .)
#
# Get the weights once (about 60 GB), or set WEIGHTS to a folder that has them:
#   hf download Comfy-Org/Qwen-Image-Edit_ComfyUI --local-dir weights \
#     split_files/diffusion_models/qwen_image_edit_2511_bf16.safetensors split_files/vae/qwen_image_vae.safetensors
#   hf download Comfy-Org/Qwen-Image_ComfyUI --local-dir weights split_files/text_encoders/qwen_2.5_vl_7b.safetensors
# To change: network_dim, learning_rate, max_train_epochs; on a small GPU add --fp8_base --fp8_scaled to the last
# command and --blocks_to_swap 16 (up to 45), and --fp8_vl to the last two.
set -eu
trainer=$(cd "${1:?give the path of musubi-tuner}" && pwd)/src/musubi_tuner
cd "$(dirname "$0")"
files=${WEIGHTS:-weights}/split_files
dit=$files/diffusion_models/qwen_image_edit_2511_bf16.safetensors
vae=$files/vae/qwen_image_vae.safetensors
text_encoder=$files/text_encoders/qwen_2.5_vl_7b.safetensors

python "$trainer/qwen_image_cache_latents.py" --dataset_config dataset.toml --vae "$vae" --model_version edit-2511
python "$trainer/qwen_image_cache_text_encoder_outputs.py" --dataset_config dataset.toml \
    --text_encoder "$text_encoder" --batch_size 1 --model_version edit-2511
exec accelerate launch --num_cpu_threads_per_process 1 --mixed_precision bf16 "$trainer/qwen_image_train_network.py" \
    --dit "$dit" --vae "$vae" --text_encoder "$text_encoder" --model_version edit-2511 \
    --dataset_config dataset.toml \
{% if validation %}
    --sample_prompts sample_prompts.json --sample_every_n_epochs 1 --sample_at_first \
{% endif %}
    --sdpa --mixed_precision bf16 --timestep_sampling shift --weighting_scheme none --discrete_flow_shift 2.2 \
    --optimizer_type adamw8bit --learning_rate 5e-5 --gradient_checkpointing \
    --max_data_loader_n_workers 2 --persistent_data_loader_workers \
    --network_module networks.lora_qwen_image --network_dim 16 \
    --max_train_epochs 16 --save_every_n_epochs 1 --seed 42 \
    --output_dir output --output_name {{ shell(name) }}
