"""Gates compute weights over experts: one file for each kind of gates."""
