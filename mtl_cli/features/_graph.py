"""Checks and steps of the graphs that encode features in exported models."""

from mtl_cli.core.message_text import comma_list
from mtl_cli.core.option_classes import overridden_below
from mtl_cli.core.tensors import Tensor
from mtl_cli.features.base import FLOAT32_MAX, Embedded, Feature
from mtl_cli.graphs.base import GraphError, GraphOps

# A method with such a name learns or checks values. It is not a step of `encode`.
PREFIXES_OF_OTHER_STEPS = ("_fit", "_check_")


def encoding_overrides(feature: Feature, method: str) -> list[str]:
    """Returns the methods that may make an inherited method wrong for a feature.

    The inherited method, `graph` or `numbers_text`, fits the encoding of the base class
    that defines it. A subclass changes the encoding if it overrides `read`, `encode` or
    a step of `encode`. A method that only some kinds have counts as such a step, unless
    its name has one of `PREFIXES_OF_OTHER_STEPS`.
    """
    return sorted(
        name
        for name in overridden_below(type(feature), method)
        if name in ("read", "encode")
        or not (hasattr(Embedded, name) or name.startswith(PREFIXES_OF_OTHER_STEPS))
    )


def check_graph(feature: Feature) -> None:
    """Raises a `GraphError` if no method `graph` fits the encoding of a feature."""
    if overrides := encoding_overrides(feature, "graph"):
        names = comma_list(f"`{name}`" for name in overrides)
        raise GraphError(
            f"kind {feature.kind} has its own {names}, but no `graph` of its own, so "
            "an export would not encode the column as mtl-predict does; add the method "
            "`graph` to the class of the kind, or export with --format weights"
        )


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
