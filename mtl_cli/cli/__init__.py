"""The commands, such as `mtl-train`, `mtl-compare` and `mtl-init`."""
