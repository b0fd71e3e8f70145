"""The settings of a run that are compared: dotted keys with their values as text."""

import re
from typing import Any

from mtl_cli.core.errors import visible
from mtl_cli.core.nested import flatten
from mtl_cli.runs.provenance import KEYS_FREE_TO_CHANGE

# Runs that differ only in these keys, or in `KEYS_FREE_TO_CHANGE`, belong to one
# configuration. Two of the keys can change a result. The runs of a configuration are
# meant to differ in `seed`. A resumed run may change `trainer.strategy` midway.
IGNORED_KEYS = [
    "defaults",
    "hydra",
    "seed",
    "check_only",
    "sweep",
    "tracker",
    "compare",
]
for key, inner_keys in KEYS_FREE_TO_CHANGE.items():
    IGNORED_KEYS += [key] if inner_keys is True else [f"{key}.{k}" for k in inner_keys]
IGNORED_PREFIXES = tuple(f"{key}." for key in IGNORED_KEYS)
MAX_VALUES = 20_000  # in one config.yaml


def settings_of(config: object) -> dict[str, str]:
    """Returns the settings in a run's `config.yaml`: dotted key to text.

    Args:
        config: the parsed file.

    Raises:
        ValueError: if the configuration is no mapping, or has too many values.
    """
    if not isinstance(config, dict):
        raise ValueError("the configuration is no mapping")
    check_size(config)
    others = {key: value for key, value in config.items() if key != "start_from"}
    return {
        key: visible(as_text(value))
        for key, value in flatten(others | start_of(config)).items()
        if not f"{key}.".startswith(IGNORED_PREFIXES)
    }


def start_of(config: dict[Any, Any]) -> dict[Any, Any]:
    """Returns {"start_from": settings} if the run started from an earlier run, else {}.

    Runs of several seeds may each start from the earlier run of their own seed. Such
    runs belong to one configuration if the folders differ in `seed=N` alone.
    """
    start = config.get("start_from")
    if not isinstance(start, dict) or start.get("run") is None:
        return {}
    own_seed = rf"\bseed={re.escape(str(config.get('seed')))}\b"
    run = re.sub(own_seed, "seed=*", str(start["run"]))
    return {"start_from": start | {"run": run}}


def check_size(config: dict[Any, Any]) -> None:
    """Raises an error for too many values: YAML's aliases can nest without end."""
    remaining: list[object] = [config]
    num_values = 0
    while remaining:
        value = remaining.pop()
        num_values += 1
        if num_values > MAX_VALUES:
            raise ValueError("the configuration has too many values")
        if isinstance(value, dict):
            remaining += value.values()
        elif isinstance(value, list):
            remaining += value


def as_text(value: object) -> str:
    """Returns a value as text, as short as YAML would write it."""
    if isinstance(value, list):
        return f"[{','.join(map(as_text, value))}]"
    if isinstance(value, dict):
        return f"{{{','.join(f'{k}:{as_text(v)}' for k, v in value.items())}}}"
    if isinstance(value, float):
        return f"{value:.12g}"
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)
