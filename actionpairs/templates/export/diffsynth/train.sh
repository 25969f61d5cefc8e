#!/bin/sh
# A LoRA of Qwen-Image-Edit-2511 with modelscope/DiffSynth-Studio, from
# examples/qwen_image/model_training/lora/Qwen-Image-Edit-2511.sh of that project.
# sh train.sh PATH/TO/DiffSynth-Studio    (a checkout that is installed: pip install -e .)
#
# Pictures: {{ sizes }}. They are not cropped to squares: the trainer takes each at its own shape, in multiples of
# 16 pixels (the rest is cropped), makes those of more than max_pixels smaller, and makes none larger. The batch is 1.
# To change: max_pixels, num_epochs, save_steps, lora_rank. This trainer makes no validation pictures.
# Another editor: the script of its name in examples/, with this base path and metadata.
set -eu
trainer=$(cd "${1:?give the path of DiffSynth-Studio}" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
cd "$trainer" # it keeps weights in ./models
exec accelerate launch examples/qwen_image/model_training/train.py \
    --dataset_base_path "$here/{{ train }}" \
    --dataset_metadata_path "$here/{{ train }}/metadata.json" \
    --data_file_keys "image,edit_image" \
    --extra_inputs "edit_image" \
    --max_pixels {{ side * side }} \
    --dataset_repeat 1 \
    --model_id_with_origin_paths "Qwen/Qwen-Image-Edit-2511:transformer/diffusion_pytorch_model*.safetensors,Qwen/Qwen-Image:text_encoder/model*.safetensors,Qwen/Qwen-Image:vae/diffusion_pytorch_model.safetensors" \
    --learning_rate 1e-4 \
    --num_epochs 5 \
    --save_steps 1000 \
    --remove_prefix_in_ckpt "pipe.dit." \
    --output_path "$here/output" \
    --lora_base_model "dit" \
    --lora_target_modules "to_q,to_k,to_v,add_q_proj,add_k_proj,add_v_proj,to_out.0,to_add_out,img_mlp.net.2,img_mod.1,txt_mlp.net.2,txt_mod.1" \
    --lora_rank 32 \
    --use_gradient_checkpointing \
    --dataset_num_workers 2 \
    --find_unused_parameters \
    --zero_cond_t
