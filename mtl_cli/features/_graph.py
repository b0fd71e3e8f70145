"""Steps of the graphs that encode features in exported models."""

from mtl_cli.core.option_classes import overridden_below
from mtl_cli.core.tensors import Tensor
from mtl_cli.features.base import FLOAT32_MAX, Feature
from mtl_cli.graphs.base import GraphOps


def encodes_otherwise(feature: Feature, method: str) -> bool:
    """Whether a class overrides `read` or `encode`, but inherits `graph` or the like.

    The inherited `method` fits the encoding of the base class that defines it.
    """
    overrides = overridden_below(type(feature), method)
    return "read" in overrides or "encode" in overrides


def number_column(
    name: str, missing: str | float, ops: GraphOps, max_size: float = FLOAT32_MAX
) -> Tensor:
    """Reads the column of a numeric feature in a graph.

    The graph refuses the cells that `read` refuses: numbers with an absolute value
    above `max_size`, and empty cells if the key `missing` of the feature is `error`.
    """
    x = ops.read_column(name, "number")
    ops.require(ops.is_within(x, -max_size, max_size))
    if missing == "error":
        ops.require(ops.is_number(x))
    return x
