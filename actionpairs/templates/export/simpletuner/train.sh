#!/bin/sh
# A LoRA of FLUX.2 klein base 4B with bghira/SimpleTuner, from documentation/quickstart/FLUX2.md of that project.
# sh train.sh    (where SimpleTuner is installed: pip install "simpletuner[cuda]")
#
# Pictures: {{ sizes }}. They are not cropped to squares (`crop` is false): the trainer puts each into a bucket of
# its own shape, in multiples of 16 pixels, of `resolution` megapixels; smaller pictures are made larger.
# To change, in config.json: model_family and model_flavour (flux and kontext, qwen_image and edit-v2),
# base_model_precision (no_change on a large GPU), max_train_steps, learning_rate, lora_rank; the resolution in both files.
# Remove cache/ when you change the resolution.
set -eu
cd "$(dirname "$0")"
exec simpletuner train
