"""How weights are updated: one file for each optimizer, named by `optimizer.name`."""
