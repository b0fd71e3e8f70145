"""Gates compute weights over experts. Each file has one kind of gates."""
