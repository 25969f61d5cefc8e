#!/bin/sh
# sh train.sh PATH/TO/LongCat-Image    (a checkout that is installed: pip install -r train_requirements.txt -e .)
# Get the weights once:
#   hf download meituan-longcat/LongCat-Image-Edit --local-dir weights/LongCat-Image-Edit
# Weights go to output/ in this folder. What to change stands in longcat.yaml; for several GPUs: --num_processes.
set -eu
trainer=$(cd "${1:?give the path of LongCat-Image}" && pwd)
cd "$(dirname "$0")"
exec accelerate launch --mixed_precision bf16 --num_processes 1 --config_file "$trainer/misc/accelerate_config.yaml" \
    "$trainer/train_examples/edit_lora/train_edit_lora.py" --config longcat.yaml
