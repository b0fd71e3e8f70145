"""The Python interface, `import mtl_cli`: train, load, compare, and results."""
