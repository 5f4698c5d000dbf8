"""Batch -> logits: the sequence model, in pure torch.

What comes in: `SequenceBatch`es as tensors. What goes out: logits that are added to those of a prior;
every output starts at exactly zero, so that an untrained model is its prior. Probabilities, gates
and files are other rooms' matter.
"""
