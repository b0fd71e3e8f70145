"""How tasks share parameters: one file a scheme, named by `model.name`."""
