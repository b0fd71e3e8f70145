"""What all other packages use: errors, paths, signals, secrets, options."""
