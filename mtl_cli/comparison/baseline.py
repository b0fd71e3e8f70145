"""Chooses the baseline, the configuration that all others are compared with."""

from mtl_cli.comparison.configurations import Configuration, short_key
from mtl_cli.core.errors import ConfigError

DEFAULT_MODEL = "shared_bottom"
FLAG = "--baseline"
MAX_NAMES = 12  # number of names that an error lists


def choose_baseline(
    configurations: list[Configuration], keys: list[str], requested: str | None
) -> tuple[Configuration, str]:
    """Returns the baseline, and why this configuration is the baseline.

    Args:
        configurations: the configurations that have scores.
        keys: the settings in which they differ.
        requested: `KEY=VALUE[,KEY=VALUE]`. None chooses the first configuration with
            `model=shared_bottom`, or else the first that is not `model=single_task`.

    Raises:
        ConfigError: if none or several configurations match the request.
    """
    if requested is not None:
        return matching_configuration(configurations, keys, requested), "as asked"
    for configuration in configurations:
        if configuration.model == DEFAULT_MODEL:
            return configuration, f"the first with model={DEFAULT_MODEL}"
    joint = [c for c in configurations if c.model != "single_task"]
    return (joint or configurations)[0], "the first that ran"


def matching_configuration(
    configurations: list[Configuration], keys: list[str], requested: str
) -> Configuration:
    """Returns the only configuration with the requested settings."""
    matching = configurations
    for setting in split_at_commas(requested):
        key, equals, value = map(str.strip, setting.partition("="))
        if not equals:
            raise ConfigError(f"{FLAG}: '{setting}' should be KEY=VALUE")
        key = full_key(key, configurations, keys)
        matching = [c for c in matching if same_value(c.settings.get(key, ""), value)]
    if len(matching) == 1:
        return matching[0]
    unique_names = list(dict.fromkeys(c.name for c in matching or configurations))
    names = "; ".join(unique_names[:MAX_NAMES])
    if not matching:
        raise ConfigError(
            f"{FLAG}: no configuration matches '{requested}'; known: {names}"
        )
    raise ConfigError(
        f"{FLAG}: {len(matching)} configurations match '{requested}'; add settings "
        f"until only one of them does: {names}"
    )


def split_at_commas(requested: str) -> list[str]:
    """Splits `KEY=VALUE,KEY=[A,B]` at the commas outside brackets."""
    settings, depth = [""], 0
    for character in requested:
        depth += (character in "[{") - (character in "]}")
        if character == "," and depth == 0:
            settings.append("")
        else:
            settings[-1] += character
    return settings


def full_key(key: str, configurations: list[Configuration], keys: list[str]) -> str:
    """Returns the dotted key that a user means: `model` is short for `model.name`."""
    all_keys = {k for c in configurations for k in c.settings}
    for candidate in (key, f"{key}.name"):
        if candidate in all_keys:
            return candidate
    for candidate in keys:
        if short_key(candidate, keys) == key:
            return candidate
    differing = ", ".join(short_key(k, keys) for k in keys) or "nothing"
    raise ConfigError(f"{FLAG}: unknown key '{key}'; settings that differ: {differing}")


def same_value(text: str, requested: str) -> bool:
    """Returns whether two texts mean the same value; 0.001 equals 1e-3."""
    if text == requested.replace(" ", ""):
        return True
    try:
        return float(text) == float(requested)
    except ValueError:
        return False
