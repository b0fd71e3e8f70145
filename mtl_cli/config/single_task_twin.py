"""The settings of a single-task twin: a run to compare a multi-task run with.

The twin trains a separate network for each task. For each level of the model, the
network has the layers of one expert. `sweep/repeats_and_twins.py` makes twins, and
`comparison/twins.py` finds them.
"""

from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

from omegaconf import OmegaConf

from mtl_cli.config.overrides import value_text
from mtl_cli.core.options import MAX_PARTS
from mtl_cli.core.paths import conf_folder
from mtl_cli.models.base import COMMON_KEYS

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


def twin_settings(
    model: Mapping[str, Any], keys_in_settings: Collection[str]
) -> list[str]:
    """Returns the settings `model.KEY=VALUE` that the twin needs.

    These are the size of the twin, and the values of `COMMON_KEYS` that only the
    model's YAML sets.

    Args:
        model: the section `model` of the multi-task run.
        keys_in_settings: the dotted keys of the settings that the twin has already.
    """
    values = {"bottom_units": bottom_units(model)} | {
        key: value
        for key, value in model.items()
        if key in COMMON_KEYS
        and value != defaults_of_models()[key]
        and f"model.{key}" not in keys_in_settings
    }
    return [f"model.{key}={value_text(key, value)}" for key, value in values.items()]


@cache
def defaults_of_models() -> dict[str, Any]:
    """Returns the values of `COMMON_KEYS` that a model's own YAML may replace."""
    section: Any = OmegaConf.load(conf_folder() / "config.yaml").model
    values: Any = OmegaConf.to_container(section)
    return {key: values.get(key) for key in COMMON_KEYS}
