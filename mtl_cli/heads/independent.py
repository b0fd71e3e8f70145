"""Independent heads: the outputs of a model are the logits of its towers."""

from mtl_cli.heads.base import Heads


class Independent(Heads):
    """Heads that do not change the logits of the towers."""
