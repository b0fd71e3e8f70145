"""Chooses the baseline: the configuration with which all others are compared."""

import os
import re
from collections.abc import Callable
from pathlib import Path

from mtl_cli.comparison.configurations import Configuration, short_form, short_key
from mtl_cli.comparison.find_runs import read_sweep
from mtl_cli.comparison.runs import Run
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.message_text import comma_list, suggest

DEFAULT_MODEL = "shared_bottom"
FLAG = "--baseline"
# A comma between two settings: `KEY=` follows the comma, and the next bracket, if any,
# is an opening one. In `model=ple,levels=[a=1,b=2]`, this is the first comma only.
SETTING_SEPARATOR = re.compile(r",(?=[^,=\[\]{}]+=)(?![^\[\]{}]*[\]}])")


def choose_baseline(
    configurations: list[Configuration], keys: list[str], requested: str | None
) -> tuple[Configuration, str]:
    """Chooses the baseline.

    Without a request, the baseline is the first configuration with
    `model=shared_bottom`. If there is none, it is the first configuration with another
    model than `single_task`, or the first of all if there is no other model.

    Args:
        configurations: the configurations that have scores, in the order of their runs.
        keys: the settings in which the configurations differ, as dotted keys.
        requested: settings of the baseline, such as `model=ple,num_experts=8`, or the
            folder of one of its runs; None for no request.

    Returns: the baseline, and the reason for the choice, for people.
    """
    if requested is not None:
        if os.path.isdir(requested):
            return configuration_of_folder(configurations, Path(requested)), "as asked"
        return matching_configuration(configurations, keys, requested), "as asked"
    for configuration in configurations:
        if configuration.model == DEFAULT_MODEL:
            return configuration, f"the first with model={DEFAULT_MODEL}"
    multi_task = [c for c in configurations if c.model != "single_task"]
    baseline = (multi_task or configurations)[0]
    if baseline is configurations[0]:
        return baseline, "the first that ran"
    return baseline, "the first that ran with a model other than single_task"


def configuration_of_folder(
    configurations: list[Configuration], folder: Path
) -> Configuration:
    """Returns the only configuration that has runs at or below a folder.

    A copy that `mtl-evaluate` has written stands for its run, too.
    """
    runs = read_sweep(folder)
    paths = {run.path.resolve() for run in runs}
    hashes = {run.environment.get("config_hash") for run in runs} - {None}

    def with_run(is_wanted: Callable[[Run], bool]) -> list[Configuration]:
        return [c for c in configurations if any(map(is_wanted, c.all_runs))]

    matching = with_run(lambda run: run.path.resolve() in paths) or with_run(
        lambda run: run.environment.get("config_hash") in hashes
    )
    if len(matching) == 1:
        return matching[0]
    if not matching:
        raise ConfigError(
            f"{FLAG}: {folder} is the folder of none of the compared runs; known: "
            f"{names_of(configurations)}"
        )
    raise ConfigError(
        f"{FLAG}: {folder} holds runs of {len(matching)} configurations; name the "
        f"folder of a run of one of them: {names_of(matching)}"
    )


def names_of(configurations: list[Configuration]) -> str:
    return comma_list(dict.fromkeys(c.name for c in configurations))


def matching_configuration(
    configurations: list[Configuration], keys: list[str], requested: str
) -> Configuration:
    """Returns the only configuration that has the requested settings."""
    matching = configurations
    for setting in map(str.strip, SETTING_SEPARATOR.split(requested)):
        key, equals, value = map(str.strip, setting.partition("="))
        if not equals:
            raise ConfigError(
                f"{FLAG}: '{setting}' should be KEY=VALUE, such as model=ple, or the "
                "folder of a run"
            )
        dotted_key = full_key(key, configurations, keys)
        values = [c.settings.get(dotted_key, "") for c in matching]
        matching = [
            c
            for c, text in zip(matching, values, strict=True)
            if is_same_value(text, value)
        ]
        if not matching:
            raise ConfigError(
                f"{FLAG}: no configuration matches '{requested}'; known: "
                f"{names_of(configurations)}{suggest(value, values)}"
            )
    if len(matching) == 1:
        return matching[0]
    raise ConfigError(
        f"{FLAG}: {len(matching)} configurations match '{requested}'; add settings "
        f"until only one of them does: {names_of(matching)}"
    )


def full_key(key: str, configurations: list[Configuration], keys: list[str]) -> str:
    """Returns the dotted key that a user means.

    The user may write the dotted key itself, a group such as `model` for `model.name`,
    or a short form such as `num_experts`.
    """
    all_keys = dict.fromkeys(k for c in configurations for k in c.settings)
    for candidate in (key, f"{key}.name"):
        if candidate in all_keys:
            return candidate
    # Of several keys with this short form, the user means the one that differs.
    for known_keys in (keys, all_keys):
        matching = [k for k in known_keys if short_form(k) == key]
        if len(matching) == 1:
            return matching[0]
    differing = ", ".join(short_key(k, keys) for k in keys) or "nothing"
    raise ConfigError(f"{FLAG}: unknown key '{key}'; settings that differ: {differing}")


def is_same_value(text: str, requested: str) -> bool:
    """Whether two texts mean the same value, as `0.001` and `1e-3` do."""
    if text.replace(" ", "") == requested.replace(" ", ""):
        return True
    try:
        return float(text) == float(requested)
    except ValueError:
        return False
