"""The optimizers: one file for each value of `optimizer.name`."""
