#!/usr/bin/env bash
# Go on after a kill:   bash training/runs/resume.sh SHOP AS_OF [RECIPE]
# A training into ./model leaves model.checkpoint after every epoch. With --resume the same command goes on from it,
# and begins anew where there is none: a scheduler may repeat this line until it ends well. The weights are those
# of a training that nobody killed. The same holds under torchrun.
set -euo pipefail

intentml train "$1" --as-of "$2" --recipe "${3:-base}" --out model --resume
