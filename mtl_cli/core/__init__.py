"""Code that all other packages use: errors, paths, signals, secrets and options."""
