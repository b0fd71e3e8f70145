"""Heads: from the logits of towers to outputs; one file per choice of `model.heads`."""
