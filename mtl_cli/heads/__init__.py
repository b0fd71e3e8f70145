"""Heads turn the towers' logits into outputs: one file per kind of heads."""
