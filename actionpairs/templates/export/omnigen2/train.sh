#!/bin/sh
# sh train.sh PATH/TO/OmniGen2    (a checkout with its requirements installed; accept the terms at
# huggingface.co/black-forest-labs/FLUX.1-dev for the autoencoder, then: hf auth login)
# Weights go to experiments/{{ name }} in that checkout. What to change stands in omnigen2.yml.
# For several GPUs: --num_processes, and train.global_batch_size in omnigen2.yml.
set -eu
trainer=$(cd "${1:?give the path of OmniGen2}" && pwd)
cd "$(dirname "$0")"
exec accelerate launch --num_machines=1 --num_processes=1 --use_fsdp \
    --fsdp_offload_params false \
    --fsdp_sharding_strategy HYBRID_SHARD_ZERO2 \
    --fsdp_auto_wrap_policy TRANSFORMER_BASED_WRAP \
    --fsdp_transformer_layer_cls_to_wrap OmniGen2TransformerBlock \
    --fsdp_state_dict_type FULL_STATE_DICT \
    --fsdp_forward_prefetch false \
    --fsdp_use_orig_params True \
    --fsdp_cpu_ram_efficient_loading false \
    --fsdp_sync_module_states True \
    "$trainer/train.py" --config omnigen2.yml
