"""What `mtl-init` finds out about a table, and how it writes it down."""
