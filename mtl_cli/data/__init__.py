"""From files to encoded tables."""
