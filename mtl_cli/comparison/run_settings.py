"""Reads the settings by which runs are grouped into configurations.

Runs whose settings are equal belong to one configuration.
"""

import re
from typing import Any

from mtl_cli.core.errors import visible
from mtl_cli.core.nested import flatten
from mtl_cli.runs.provenance import KEYS_FREE_TO_CHANGE

MAX_VALUES = 20_000  # in one config.yaml
# Runs that differ only in these keys belong to one configuration. `KEYS_FREE_TO_CHANGE`
# are the keys that a user may change when a run is resumed, such as `tracker`: a whole
# section, or a set of names within it. Only two of the ignored keys can change a
# result:
# - `seed`: each configuration is run with several seeds, to see how its scores vary.
# - `trainer.strategy`: this key is in `KEYS_FREE_TO_CHANGE`, so a run may be resumed
#   with another strategy. The `config.yaml` of the run then does not tell how all
#   epochs were trained.
IGNORED_KEYS = ["defaults", "hydra", "seed", "check_only", "sweep", "compare"]
for section, names in KEYS_FREE_TO_CHANGE.items():
    is_whole_section = names is True
    IGNORED_KEYS += [section] if is_whole_section else [f"{section}.{n}" for n in names]
IGNORED_PREFIXES = tuple(f"{key}." for key in IGNORED_KEYS)


def compared_settings(config: object) -> dict[str, str]:
    """Returns the settings of a run without `IGNORED_KEYS`: dotted key to text.

    Args:
        config: the parsed `config.yaml` of the run.

    Raises:
        ValueError: if the configuration is not a mapping, or has too many values.
    """
    if not isinstance(config, dict):
        raise ValueError("the configuration is not a mapping")
    check_number_of_values(config)
    settings = {key: value for key, value in config.items() if key != "start_from"}
    return {
        key: visible(as_text(value))
        for key, value in flatten(settings | start_from_any_seed(config)).items()
        if not f"{key}.".startswith(IGNORED_PREFIXES)
    }


def start_from_any_seed(config: dict[Any, Any]) -> dict[Any, Any]:
    """Returns {"start_from": settings} if the run started from an earlier run, else {}.

    A run with `seed=1` may start from the earlier run of seed 1, and a run with
    `seed=2` from the earlier run of seed 2. The two belong to one configuration.
    Therefore the seed in the earlier run's folder is replaced: `ple,seed=1` becomes
    `ple,seed=*`, but only if 1 is also the seed of the run itself.
    """
    start_from = config.get("start_from")
    if not isinstance(start_from, dict) or start_from.get("run") is None:
        return {}
    same_seed = rf"\bseed={re.escape(str(config.get('seed')))}\b"
    run = re.sub(same_seed, "seed=*", str(start_from["run"]))
    # The keys `freeze`, `reset` and `refit` are empty in most runs.
    chosen = {key: value for key, value in start_from.items() if value}
    return {"start_from": chosen | {"run": run}}


def check_number_of_values(config: dict[Any, Any]) -> None:
    """Raises a `ValueError` if a configuration has more than `MAX_VALUES` values.

    Such a file can be short: with YAML's aliases, a few lines can stand for billions of
    values, or for a list that contains itself.
    """
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
