"""What `import mtl_cli` offers: train, load, compare."""
