"""Towers: networks from the tasks' hidden vectors to logits, one file for each kind."""
