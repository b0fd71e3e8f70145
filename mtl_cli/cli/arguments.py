"""Brings the arguments of `mtl-train` into the form that Hydra takes."""

import contextlib
from argparse import ArgumentError, ArgumentParser
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import OverrideParseException

from mtl_cli.cli.hydra_internals import argument_parser
from mtl_cli.config.overrides import ADD_OR_CHANGE, ADDED_RUNS, OPEN_SECTIONS
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.secrets import mask_secrets
from mtl_cli.sweep.folder_names import is_swept, sweep_name


def split_plugins(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Returns the folders that `--plugins` names, and all other arguments.

    >>> split_plugins(["model=topk", "--plugins", "mine", "-m", "seed=1,2"])
    (['mine'], ['model=topk', '-m', 'seed=1,2'])
    """
    parser = ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--plugins", action="append", default=[], metavar="FOLDER")
    try:
        parsed, others = parser.parse_known_args(arguments)
    except ArgumentError as error:
        raise ConfigError(f"{error}; see mtl-train --help") from None
    return parsed.plugins, others


def hydra_arguments(arguments: list[str]) -> list[str]:
    """Returns a command line in the form that Hydra takes.

    Flags come last, since the value of `--info` may be left out. A folder of configs
    becomes absolute: the user means it relative to the current folder. Settings of a
    data set get `++`. Hydra then sets keys that the YAML file leaves out, and our own
    check finds unknown keys.

    Raises:
        ConfigError: if a flag is unknown or not allowed.
    """
    try:
        parsed, unknown = argument_parser().parse_known_intermixed_args(arguments)
    except ArgumentError as error:
        raise ConfigError(f"{error}; see mtl-train --help") from None
    if unknown:
        from mtl_cli.cli.hydra_errors import unknown_flag_message

        raise ConfigError(unknown_flag_message(unknown[0], arguments))
    if parsed.experimental_rerun:
        raise ConfigError(
            "--experimental-rerun reads a pickle, which can execute code; run a saved "
            "configuration with --config-path RUN --config-name config"
        )
    settings = parsed.overrides
    flags = with_absolute_config_path([a for a in arguments if a not in settings])
    settings = [with_full_key(setting) for setting in settings]
    if sets_key(settings, "hydra.sweep.subdir"):
        raise ConfigError(
            "hydra.sweep.subdir: each job names its own folder; leave this key out, "
            "and set the sweep's folder by hydra.sweep.dir"
        )
    is_sweep = parsed.multirun
    if not (only_shows(arguments) or is_sweep or parsed.run) and any(
        map(adds_runs, settings)
    ):
        flags.append("--multirun")
        is_sweep = True
    if not sets_key(settings, "hydra.job.name"):
        settings = [*settings, f"hydra.job.name={sweep_name(mask_secrets(settings))}"]
    if is_sweep:
        settings = defer_settings_of_swept_groups(settings)
    settings = [
        f"{ADD_OR_CHANGE}{s}" if s.startswith(OPEN_SECTIONS) else s for s in settings
    ]
    return settings + flags


def only_shows(arguments: list[str]) -> bool:
    """Whether a command line asks for a text, not for runs."""
    parsed, _ = argument_parser().parse_known_intermixed_args(arguments)
    return bool(parsed.cfg or parsed.info or parsed.help or parsed.hydra_help)


def with_full_key(setting: str) -> str:
    """Returns a setting with `start_from.run=RUN` in place of `start_from=RUN`.

    For Hydra the short form would replace the whole section, and its other keys.

    >>> with_full_key("start_from=outputs/runs/first")
    'start_from.run=outputs/runs/first'
    >>> with_full_key("start_from={run: first, freeze: [towers]}")
    'start_from={run: first, freeze: [towers]}'
    """
    key, _, value = setting.partition("=")
    is_short = key == "start_from" and not value.startswith("{")
    return f"start_from.run={value}" if is_short else setting


def with_absolute_config_path(flags: list[str]) -> list[str]:
    """Returns flags with the folder of `--config-path` made absolute.

    >>> with_absolute_config_path(["--config-path", "/a/../b", "-cp=/c/"])
    ['--config-path', '/b', '-cp=/c']
    """
    absolute = list(flags)
    for i, flag in enumerate(flags):
        name, equals, folder = flag.partition("=")
        if name in ("--config-path", "-cp") and equals:
            absolute[i] = f"{name}={Path(folder).resolve()}"
        elif name in ("--config-path", "-cp") and i + 1 < len(flags):
            absolute[i + 1] = str(Path(flags[i + 1]).resolve())
    return absolute


def sets_key(settings: list[str], key: str) -> bool:
    """Whether a key is among the settings."""
    return any(setting.lstrip("+").startswith(f"{key}=") for setting in settings)


def adds_runs(setting: str) -> bool:
    """Whether a setting alone turns one run into several."""
    key, _, value = setting.lstrip("+").partition("=")
    default = ADDED_RUNS.get(key)
    return default is not None and value.lower() != default


def defer_settings_of_swept_groups(settings: list[str]) -> list[str]:
    """Makes settings of a swept group wait until a job has chosen the group's option.

    Hydra would look for `model.num_experts=4` in the default model first. As a choice,
    the setting applies to each job, after the job's model is chosen.

    >>> defer_settings_of_swept_groups(
    ...     ["model=mmoe,omoe", "model.num_experts=4", "seed=1"]
    ... )
    ['model=mmoe,omoe', 'model.num_experts=choice(4)', 'seed=1']
    """
    other_sweepers = ("sweep=", "hydra/sweeper=", "hydra.sweeper.")
    if any(s.startswith(other_sweepers) for s in settings):
        return settings  # other sweepers do not read `choice`
    swept = tuple(f"{s.partition('=')[0]}." for s in settings if is_swept(s))
    parser = OverridesParser.create()
    deferred = []
    for setting in settings:
        key, _, value = setting.partition("=")
        as_choice = f"{key}=choice({value})"
        is_quoted = "'" in value or '"' in value  # `choice` would lose the quotes
        if key.startswith(swept) and value and not (is_quoted or is_swept(setting)):
            with contextlib.suppress(OverrideParseException):
                parser.parse_overrides([setting, as_choice])
                setting = as_choice
        deferred.append(setting)
    return deferred
