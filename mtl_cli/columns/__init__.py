"""From raw columns to arrays of ids and numbers."""
