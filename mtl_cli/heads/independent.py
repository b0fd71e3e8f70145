"""Independent heads: each task's tower gives its output."""

from mtl_cli.heads.base import Heads


class Independent(Heads):
    """The logits of the towers as they are."""
