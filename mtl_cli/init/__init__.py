"""What `mtl-init` proposes for a table, and how it writes the proposal as YAML."""
