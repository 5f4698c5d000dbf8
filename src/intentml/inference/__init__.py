"""A model at work: saved to a folder, loaded from one, without pickle.

What comes in: a fitted predictor. What goes out: the model folder of contracts, and the predictor back.
"""
