"""The size of a single-task twin: a run to compare a multi-task run with.

The twin trains a separate network for each task. For each level of the model, the
network has the layers of one expert. `sweep/repeats_and_twins.py` makes twins, and
`comparison/twins.py` finds them.
"""

from collections.abc import Mapping
from typing import Any

from mtl_cli.core.options import MAX_PARTS

# The keys of `model` on which the size of the twin depends, besides `name`.
SIZE_KEYS = (
    "expert_units",
    "network_units",
    "bottom_units",
    "star_units",
    "num_levels",
)


def bottom_units(model: Mapping[str, Any]) -> list[int]:
    """Returns the widths of the hidden layers between one task's input and tower.

    These are the `bottom_units` of the single-task twin.

    Args:
        model: the section `model`, or its keys `name` and `SIZE_KEYS`.

    >>> bottom_units({"name": "ple", "num_levels": 2, "expert_units": [64, 32]})
    [64, 32, 64, 32]
    >>> bottom_units({"name": "shared_bottom", "bottom_units": [128]})
    [128]
    """
    units = model.get("expert_units") or model.get("network_units")
    if not units:
        return list(model.get("bottom_units", []))
    below = []
    if "star_units" in model:  # M3oE has a network below its experts
        below = [model["star_units"], *model["bottom_units"]]
    num_levels = 2 if model["name"] == "home" else int(model.get("num_levels", 1))
    num_levels = min(num_levels, MAX_PARTS)  # the job itself refuses a larger number
    return below + list(units) * num_levels
