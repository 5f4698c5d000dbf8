#!/usr/bin/env bash
# Search, then train with the best settings found:   bash training/runs/tune.sh SHOP AS_OF [SEARCH] [TRIALS]
# The study lives in ./study; stopped at any moment, the same line goes on with it until it has TRIALS trials.
set -euo pipefail

intentml tune "$1" --as-of "$2" --horizon 28 --search "${3:-base}" --trials "${4:-30}" --jobs 2 --study study
intentml train "$1" --as-of "$2" --recipe study/best.toml --out model
