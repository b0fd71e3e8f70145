"""How tasks share parameters: one file for each scheme, named by `model.name`."""
