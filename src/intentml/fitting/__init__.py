"""A model worth keeping: training, choosing and calibrating on windows that lie before `as_of`.

What comes in: an order log and a configuration. What goes out: a fitted predictor and what
validation said of it and of its peers.
"""
