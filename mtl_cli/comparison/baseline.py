"""Chooses the baseline: the configuration with which all others are compared."""

from mtl_cli.comparison.configurations import Configuration, short_key
from mtl_cli.core.errors import ConfigError

DEFAULT_MODEL = "shared_bottom"
FLAG = "--baseline"
MAX_NAMES = 12  # number of names that an error lists


def choose_baseline(
    configurations: list[Configuration], keys: list[str], requested: str | None
) -> tuple[Configuration, str]:
    """Chooses the baseline.

    Without a request, the baseline is the first configuration with
    `model=shared_bottom`. If there is none, the baseline is the first configuration
    without `model=single_task`, or the first of all if all have `model=single_task`.

    Args:
        configurations: the configurations that have scores, in the order of their runs.
        keys: the settings in which the configurations differ, as dotted keys.
        requested: `KEY=VALUE[,KEY=VALUE]`, the settings of the baseline; None for no
            request.

    Returns: the baseline; and the reason of the choice, for the reader of the table.

    Raises:
        ConfigError: if the request is not understood, or if no configuration or several
            match it.
    """
    if requested is not None:
        return matching_configuration(configurations, keys, requested), "as asked"
    for configuration in configurations:
        if configuration.model == DEFAULT_MODEL:
            return configuration, f"the first with model={DEFAULT_MODEL}"
    multi_task = [c for c in configurations if c.model != "single_task"]
    return (multi_task or configurations)[0], "the first that ran"


def matching_configuration(
    configurations: list[Configuration], keys: list[str], requested: str
) -> Configuration:
    """Returns the only configuration that has the requested settings.

    Raises:
        ConfigError: as `choose_baseline`.
    """
    matching = configurations
    for setting in split_at_commas(requested):
        key, equals, value = map(str.strip, setting.partition("="))
        if not equals:
            raise ConfigError(f"{FLAG}: '{setting}' should be KEY=VALUE")
        key = full_key(key, configurations, keys)
        matching = [c for c in matching if is_equal(c.settings.get(key, ""), value)]
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
    settings, depth = [""], 0  # depth: the number of open brackets
    for character in requested:
        if character in "[{":
            depth += 1
        elif character in "]}":
            depth -= 1
        if character == "," and depth == 0:
            settings.append("")
        else:
            settings[-1] += character
    return settings


def full_key(key: str, configurations: list[Configuration], keys: list[str]) -> str:
    """Returns the dotted key that a user means.

    Args:
        key: a dotted key, or a group such as `model`, short for `model.name`, or the
            last word of a key that tables show, such as `num_experts`.
        configurations: the configurations. The known keys are the keys of their
            settings.
        keys: the settings in which the configurations differ.

    Raises:
        ConfigError: if the key is unknown.
    """
    all_keys = {k for c in configurations for k in c.settings}
    for candidate in (key, f"{key}.name"):
        if candidate in all_keys:
            return candidate
    for candidate in keys:
        if short_key(candidate, keys) == key:
            return candidate
    differing = ", ".join(short_key(k, keys) for k in keys) or "nothing"
    raise ConfigError(f"{FLAG}: unknown key '{key}'; settings that differ: {differing}")


def is_equal(text: str, requested: str) -> bool:
    """Whether two texts mean the same value, as 0.001 and 1e-3 do.

    Args:
        text: the value of a setting, as `as_text` writes it, without spaces.
        requested: the value that the user has typed.
    """
    if text == requested.replace(" ", ""):
        return True
    try:
        return float(text) == float(requested)
    except ValueError:
        return False
