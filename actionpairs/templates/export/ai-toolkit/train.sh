#!/bin/sh
# sh train.sh PATH/TO/ai-toolkit    (a checkout with its requirements installed)
# Weights and samples go to output/ in this folder. What to change stands in ai-toolkit.yaml.
set -eu
trainer=$(cd "${1:?give the path of ai-toolkit}" && pwd)
cd "$(dirname "$0")"
exec python "$trainer/run.py" "$PWD/ai-toolkit.yaml"
