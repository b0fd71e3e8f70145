"""How good the predictions of a network are."""
