"""How features become one vector: one file an encoder, named by `encoder.name`."""
