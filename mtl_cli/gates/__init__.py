"""Gates give weights over experts: one file per kind of gates."""
