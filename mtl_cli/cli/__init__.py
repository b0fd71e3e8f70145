"""The commands: `mtl-train`, `mtl-compare`, `mtl-init` and others."""
