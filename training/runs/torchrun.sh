#!/usr/bin/env bash
# Several processes on one machine:   bash training/runs/torchrun.sh SHOP AS_OF [RECIPE] [PROCESSES]
# One a GPU, or one for every few cores; each holds the whole shop in memory. They take the steps of one process
# together, `training.batch_tokens` orders at a time, so with many GPUs let that number grow with them.
set -euo pipefail

torchrun --standalone --nproc-per-node "${4:-2}" \
  -m intentml train "$1" --as-of "$2" --recipe "${3:-base}" --out model
