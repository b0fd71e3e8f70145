"""The settings of a single-task twin: a run to compare a multi-task run with.

The twin trains a separate network for each task. For each level of the multi-task
model, this network has the layers of one expert. `sweep/repeats_and_twins.py` makes
twins, and `comparison/twins.py` finds them.
"""

from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

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
    """Returns the `bottom_units` of the twin of a multi-task `model`.

    These are the widths of the hidden layers between one task's input and tower.

    >>> bottom_units({"name": "ple", "num_levels": 2, "expert_units": [64, 32]})
    [64, 32, 64, 32]
    >>> bottom_units({"name": "shared_bottom", "bottom_units": [128]})
    [128]
    """
    units = model.get("expert_units") or model.get("network_units")
    if not units:
        return list(model.get("bottom_units", []))
    units_below_experts = []
    if "star_units" in model:  # only M3oE has a network below its experts
        units_below_experts = [model["star_units"], *model["bottom_units"]]
    # HoME has no key `num_levels`: it always has two levels.
    num_levels = 2 if model["name"] == "home" else int(model.get("num_levels", 1))
    num_levels = min(num_levels, MAX_PARTS)  # the job itself refuses a larger number
    return units_below_experts + list(units) * num_levels


def settings_of_twin(model: Mapping[str, Any], settings: list[str]) -> list[str]:
    """Returns the settings of the twin of a run with the section `model`.

    The twin keeps the run's `settings`, except for `model` and for keys that only some
    models have. It also gets the values of `COMMON_KEYS`, the keys of all models, that
    the YAML file of the run's model sets.
    """
    kept_settings = without_model(settings, COMMON_KEYS)
    kept_keys = set(map(key_of_setting, kept_settings))
    values = {"bottom_units": bottom_units(model)} | {
        key: value
        for key, value in model.items()
        if key in COMMON_KEYS
        and value != common_defaults()[key]
        and f"model.{key}" not in kept_keys
    }
    model_settings = [
        f"model.{key}={override_text(key, value)}" for key, value in values.items()
    ]
    return [*kept_settings, "model=single_task", *model_settings]


def without_model(settings: list[str], kept_keys: Collection[str]) -> list[str]:
    """Leaves out the settings of `model`, except for the keys in `kept_keys`.

    >>> without_model(["model=ple", "model.towers=star", "seed=1"], ["towers"])
    ['model.towers=star', 'seed=1']
    """

    def is_kept(setting: str) -> bool:
        section, _, key = key_of_setting(setting).partition(".")
        return section != "model" or key in kept_keys

    return list(filter(is_kept, settings))


@cache
def common_defaults() -> dict[str, Any]:
    """Returns {key of all models: its default}; a model's YAML file may replace it."""
    from omegaconf import OmegaConf

    section: Any = OmegaConf.load(conf_folder() / "config.yaml").model
    values: Any = OmegaConf.to_container(section)
    return {key: values.get(key) for key in COMMON_KEYS}
