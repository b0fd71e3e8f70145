"""Towers, which turn hidden vectors of tasks into logits: one file for each kind."""
