"""The arguments of `mtl-train`, brought into the form that Hydra takes."""

import argparse
import contextlib
from pathlib import Path
from typing import NoReturn

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import OverrideParseException

from mtl_cli.config.overrides import ADD_OR_CHANGE
from mtl_cli.core.errors import ConfigError
from mtl_cli.sweep.folder_names import is_swept, sweep_name


def split_plugins(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Returns the folders that `--plugins` names, and all other arguments.

    >>> split_plugins(["model=topk", "--plugins", "mine", "-m", "seed=1,2"])
    (['mine'], ['model=topk', '-m', 'seed=1,2'])
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.error = refuse_flag  # type: ignore[method-assign]
    parser.add_argument("--plugins", action="append", default=[], metavar="FOLDER")
    known, others = parser.parse_known_args(arguments)
    return known.plugins, others


def tidy(arguments: list[str]) -> list[str]:
    """Returns the command line as Hydra takes it, or refuses what it would not.

    Flags go before settings. A folder of configs is meant from where the command
    starts. Keys of a data set's features and tasks have defaults that its YAML need
    not write: `++` lets Hydra set them, and our own check finds those that are unknown.
    """
    parser = get_args_parser()
    parser.error = refuse_flag  # type: ignore[method-assign]
    known, unknown = parser.parse_known_intermixed_args(arguments)
    if unknown:
        from mtl_cli.cli.hydra_errors import unknown_flag

        raise ConfigError(unknown_flag(unknown[0], arguments))
    if known.experimental_rerun:
        raise ConfigError(
            "--experimental-rerun: reads a pickle, which can execute code; run a saved "
            "configuration with --config-path RUN --config-name config"
        )
    settings = known.overrides
    if any(s.lstrip("+").startswith("hydra.sweep.subdir=") for s in settings):
        raise ConfigError(
            "hydra.sweep.subdir: each job names its own folder; leave this out, and "
            "set that of the sweep by hydra.sweep.dir"
        )
    flags = [argument for argument in arguments if argument not in settings]
    for i, flag in enumerate(flags):
        name, equals, folder = flag.partition("=")
        if name in ("--config-path", "-cp") and equals:
            flags[i] = f"{name}={Path(folder).resolve()}"
        elif name in ("--config-path", "-cp") and i + 1 < len(flags):
            flags[i + 1] = str(Path(flags[i + 1]).resolve())
    asks = known.cfg or known.info or known.help or known.hydra_help
    if any(map(makes_sweep, settings)) and not (asks or known.multirun or known.run):
        flags.append("--multirun")
    if not any(s.lstrip("+").startswith("hydra.job.name=") for s in settings):
        settings = [*settings, f"hydra.job.name={sweep_name(settings)}"]
    if known.multirun or "--multirun" in flags:
        settings = chosen_later(settings)
    return flags + [
        f"{ADD_OR_CHANGE}{s}" if s.startswith("dataset.") else s for s in settings
    ]


def chosen_later(settings: list[str]) -> list[str]:
    """Returns a sweep's settings, so that those of a swept group wait for its options.

    Hydra would look first for `model.num_experts=4` in the model that is the default.

    >>> chosen_later(["model=mmoe,omoe", "model.num_experts=4", "seed=1"])
    ['model=mmoe,omoe', 'model.num_experts=choice(4)', 'seed=1']
    """
    others = ("sweep=", "hydra/sweeper=", "hydra.sweeper.")  # for which it is no choice
    if any(s.startswith(others) for s in settings):
        return settings
    swept = tuple(f"{s.partition('=')[0]}." for s in settings if is_swept(s))
    parser = OverridesParser.create()
    found = []
    for setting in settings:
        key, _, value = setting.partition("=")
        later = f"{key}=choice({value})"
        quoted = "'" in value or '"' in value  # of which Hydra would forget the quotes
        if key.startswith(swept) and value and not (quoted or is_swept(setting)):
            with contextlib.suppress(OverrideParseException):
                parser.parse_overrides([setting, later])
                setting = later
        found.append(setting)
    return found


def refuse_flag(message: str) -> NoReturn:
    """Says in one line what is wrong with a flag, where argparse prints all of them."""
    raise ConfigError(f"{message}; see mtl-train --help")


def makes_sweep(setting: str) -> bool:
    """Whether a setting makes several runs of one, whatever the others are."""
    key, _, value = setting.lstrip("+").partition("=")
    wanted = {"repeats": "1", "compare.single_task": "false"}
    return key in wanted and value.lower() != wanted[key]
