#!/usr/bin/env bash
# One process:   bash training/runs/train.sh SHOP AS_OF [RECIPE]
# Learns from what SHOP (a folder of tables) knew before AS_OF and writes ./model. MLflow keeps the run where
# MLFLOW_TRACKING_URI says, else in ./mlflow.db.
set -euo pipefail

intentml train "$1" --as-of "$2" --recipe "${3:-base}" --out model
