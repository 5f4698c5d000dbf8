"""Closed-form predictors: what a customer's own counts, rhythm and neighbours already tell.

What comes in: snapshots and labels of past windows. What goes out: `PriorPredictor`s. They are a
product of their own, the baselines of everything learned, and the start of the model's heads.
"""
