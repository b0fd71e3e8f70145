"""The configuration of a run: its schema, its rules and its checks."""
