"""Towers turn the hidden vectors of tasks into logits: one file for each kind."""
