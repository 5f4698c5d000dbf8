"""Predictors of other packages, measured on the same windows: real peers in environments of their own.

What comes in: a log cut at a window's start. What goes out: `Predictor`s, each of which runs a script in
a virtual environment that the command made; they talk through a folder of Parquet. Nothing here imports a
peer's package.
"""
