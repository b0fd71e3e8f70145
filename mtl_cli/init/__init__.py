"""The parts of `mtl-init`: it reads a table, proposes a data set, writes its YAML."""
