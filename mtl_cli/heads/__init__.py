"""Heads: from the logits of towers to outputs."""
