"""The training loop, its losses, and early stopping."""
