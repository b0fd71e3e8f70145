"""The library behind `import mtl_cli`: train, load, and the results of a run."""
