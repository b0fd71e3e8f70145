"""Independent heads: each output is the output of one task's tower."""

from mtl_cli.heads.base import Heads


class Independent(Heads):
    """Heads that leave the logits of the towers as they are."""
