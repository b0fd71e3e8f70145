"""Training: the loop over epochs, its steps and losses, and checkpoints."""
