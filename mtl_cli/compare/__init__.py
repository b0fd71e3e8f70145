"""Which model is better, by how much, and whether it is real."""
