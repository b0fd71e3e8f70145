"""The settings of a single-task twin: a run to compare a multi-task run with.

The twin trains a separate network for each task. For each level of the model, the
network has the layers of one expert. `sweep/repeats_and_twins.py` makes twins, and
`comparison/twins.py` finds them.
"""

from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

from omegaconf import OmegaConf

from mtl_cli.config.overrides import key_of_setting, override_text
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


def settings_of_twin(model: Mapping[str, Any], settings: list[str]) -> list[str]:
    """Returns the settings of the twin of a multi-task run.

    The settings of the run's own model are left out. Settings are added that choose the
    model of the twin and its size, and the values of `COMMON_KEYS` that only the YAML
    of the run's model sets.

    Args:
        model: the section `model` of the multi-task run.
        settings: the `key=value` settings of the multi-task run.
    """
    remaining = without_model(settings, COMMON_KEYS)
    keys = set(map(key_of_setting, remaining))
    values = {"bottom_units": bottom_units(model)} | {
        key: value
        for key, value in model.items()
        if key in COMMON_KEYS
        and value != defaults_of_models()[key]
        and f"model.{key}" not in keys
    }
    of_model = [
        f"model.{key}={override_text(key, value)}" for key, value in values.items()
    ]
    return [*remaining, "model=single_task", *of_model]


def without_model(settings: list[str], kept_keys: Collection[str]) -> list[str]:
    """Leaves out the settings of `model`, except for the keys in `kept_keys`.

    >>> without_model(["model=ple", "model.towers=star", "seed=1"], ["towers"])
    ['model.towers=star', 'seed=1']
    """
    return [
        setting
        for setting in settings
        if (key := key_of_setting(setting)).removeprefix("model.") in kept_keys
        or not f"{key}.".startswith("model.")
    ]


@cache
def defaults_of_models() -> dict[str, Any]:
    """Returns the values of `COMMON_KEYS` that a model's own YAML may replace."""
    section: Any = OmegaConf.load(conf_folder() / "config.yaml").model
    values: Any = OmegaConf.to_container(section)
    return {key: values.get(key) for key in COMMON_KEYS}
