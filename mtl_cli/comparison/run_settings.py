"""Reads the settings of runs, and completes them by defaults.

Runs with equal settings are one configuration.
"""

import contextlib
import re
from functools import cache
from typing import Any

from mtl_cli.config.groups import AXIS_OF_GROUP, KINDS, option_key
from mtl_cli.config.trainer import Trainer
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.message_text import visible
from mtl_cli.core.nested import flatten
from mtl_cli.core.option_classes import option_class, option_names
from mtl_cli.core.options import Options
from mtl_cli.gates.base import Gate
from mtl_cli.heads.base import Heads
from mtl_cli.runs.provenance import KEYS_FREE_TO_CHANGE
from mtl_cli.towers.base import Towers

# Runs that differ only in these keys belong to one configuration. `KEYS_FREE_TO_CHANGE`
# adds the keys that a user may change when a run is resumed: {section: names of keys,
# or True for all keys of the section}. Only two of the ignored keys can change a
# result:
# - `seed`: each configuration is run with several seeds, to see how its scores vary.
# - `trainer.strategy`: a run may be resumed with another strategy, so the `config.yaml`
#   of a run does not say how all of its epochs were trained.
IGNORED_KEYS = ["defaults", "hydra", "seed", "check_only", "sweep", "compare"]
for section, names in KEYS_FREE_TO_CHANGE.items():
    IGNORED_KEYS += [section] if names is True else [f"{section}.{n}" for n in names]
IGNORED_PREFIXES = tuple(f"{key}." for key in IGNORED_KEYS)
# The largest number of characters of all settings of a run, with their dotted keys.
# Even a short YAML file can have more: by aliases, or by a long key above many others.
MAX_CHARACTERS = 50_000_000
# The section `model` also holds the keys of the options of these axes, for example the
# keys of a gate. {axis: the base class of its options}. An axis is a folder of options
# in `mtl_cli`, such as `gates`.
AXES_IN_MODEL: dict[str, type[Options]] = {
    "heads": Heads,
    "gates": Gate,
    "towers": Towers,
}


def compared_settings(config: object) -> dict[str, str]:
    """Returns the settings of a run without `IGNORED_KEYS`, {dotted key: text}.

    Raises:
        ValueError: if the configuration is not a mapping, or if its settings have more
            than `MAX_CHARACTERS`.
    """
    if not isinstance(config, dict):
        raise ValueError("the configuration is not a mapping")
    if num_characters(config) > MAX_CHARACTERS:
        raise ValueError("the settings are too long")
    settings = {key: value for key, value in config.items() if key != "start_from"}
    return {
        key: visible(as_text(value))
        for key, value in flatten(settings | start_from_any_seed(config)).items()
        if not f"{key}.".startswith(IGNORED_PREFIXES)
    }


def num_characters(value: object, key_length: int = 0) -> int:
    """Estimates how many characters `flatten` and `as_text` make of a value.

    `key_length` is the number of characters of the value's dotted key. `flatten`
    repeats the key for each value below it.
    """
    total = key_length
    if isinstance(value, dict):
        for key, item in value.items():
            total += num_characters(item, key_length + len(str(key)))
    elif isinstance(value, list):
        for item in value:
            total += num_characters(item)
    else:
        total += len(str(value))
    return total


def start_from_any_seed(config: dict[Any, Any]) -> dict[Any, Any]:
    """Returns {"start_from": settings} if the run started from an earlier run, else {}.

    A run with `seed=1` may start from the earlier run of seed 1, and a run with
    `seed=2` from the earlier run of seed 2. So that the two belong to one
    configuration, the seed in the earlier run's folder is replaced: for the run with
    `seed=1`, `ple,seed=1` becomes `ple,seed=*`, and `ple,seed=7` stays.
    """
    start_from = config.get("start_from")
    if not isinstance(start_from, dict) or start_from.get("run") is None:
        return {}
    same_seed = rf"\bseed={re.escape(str(config.get('seed')))}\b"
    run = re.sub(same_seed, "seed=*", str(start_from["run"]))
    # The keys `freeze`, `reset` and `refit` are empty in most runs.
    used_keys = {key: value for key, value in start_from.items() if value}
    return {"start_from": used_keys | {"run": run}}


def as_text(value: object) -> str:
    """Converts a value to a short text that looks like YAML.

    >>> [as_text(value) for value in ([64, 32], {"name": None}, True, 0.0010)]
    ['[64,32]', '{name:null}', 'true', '0.001']
    """
    if isinstance(value, list):
        return f"[{','.join(map(as_text, value))}]"
    if isinstance(value, dict):
        return f"{{{','.join(f'{k}:{as_text(v)}' for k, v in value.items())}}}"
    if isinstance(value, float):
        return f"{value:.12g}"
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def complete_settings(all_settings: list[dict[str, str]]) -> None:
    """Adds to the settings of each run the keys that it lacks and another run has.

    A run leaves out a key that its data set does not set, or that mtl-cli did not have
    when the run was trained. For example, a run that was saved before
    `trainer.ema_decay` existed belongs to the same configuration as a newer run with
    `trainer.ema_decay=0`. An added key gets the default of the class of the option.
    """
    all_keys = dict.fromkeys(key for settings in all_settings for key in settings)
    for settings in all_settings:
        missing_keys = [key for key in all_keys if key not in settings]
        for dotted_key in missing_keys:
            section, _, key = dotted_key.rpartition(".")
            is_feature_or_task = section.startswith("dataset.")
            choosing_key = "kind" if is_feature_or_task else option_key(section)
            option = settings.get(f"{section}.{choosing_key}", "")
            defaults = default_texts(section, option)
            if key in defaults:
                settings[dotted_key] = defaults[key]


@cache
def default_texts(section: str, option: str) -> dict[str, str]:
    """Returns {key: its default as text} for the keys of a section with defaults.

    A section, such as `model` or `dataset.tasks.click`, chooses an option, such as
    `ple`. The class of the option has the defaults.
    """
    defaults: dict[str, str] = {}
    for cls in classes_of_section(section, option):
        for key, field in cls.model_fields.items():
            if not field.is_required():
                value = field.get_default(call_default_factory=True)
                defaults.setdefault(key, visible(as_text(value)))
    return defaults


def classes_of_section(section: str, option: str) -> list[type[Options]]:
    """Returns the classes whose fields are the keys of a section."""
    group, *path = section.split(".")
    if section == "trainer":
        return [Trainer]
    if section in AXIS_OF_GROUP:
        axis, base = AXIS_OF_GROUP[section]
    elif group == "dataset" and len(path) == 2 and path[0] in KINDS:
        axis, base = path[0], KINDS[path[0]]
    else:
        return []
    if section == "dataset" and not option:  # a data set without a generator
        return [base]
    options = [(axis, option, base)]
    if section == "model":
        options += [
            (other_axis, name, other_base)
            for other_axis, other_base in AXES_IN_MODEL.items()
            for name in option_names(other_axis)
        ]
    classes = []
    for axis, name, base in options:
        # An option of a plugin that is not loaded has no known class.
        with contextlib.suppress(KeyError, ConfigError):
            classes.append(option_class(axis, name, base))
    return classes
