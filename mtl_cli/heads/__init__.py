"""Heads: from the towers' logits to a model's outputs, one file for each kind."""
