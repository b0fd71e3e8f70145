"""Converts the arguments of `mtl-train` to arguments of Hydra."""

import warnings
from argparse import ArgumentError, ArgumentParser, Namespace
from pathlib import Path

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import OverrideParseException

from mtl_cli.config.overrides import adds_runs, with_add_prefix
from mtl_cli.core.command_line import version_line
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.paths import conf_is_of_other_application
from mtl_cli.core.secrets import mask_secrets
from mtl_cli.sweep.folder_names import is_swept, sweep_name

# {key that the command line may not set: what is wrong with the key, and the fix}
REFUSED_KEYS = {
    "hydra.sweep.subdir": "each job names its own folder; leave this key out, and set "
    "the sweep's folder by hydra.sweep.dir",
    "hydra.job.chdir": "paths are relative to the folder in which the command starts; "
    "leave this key out",
    "compare": "set its keys one by one, as in compare.single_task=true",
}


def split_plugins(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Splits a command line into the folders of `--plugins` and all other arguments.

    >>> split_plugins(["model=topk", "--plugins", "mine", "-m", "seed=1,2"])
    (['mine'], ['model=topk', '-m', 'seed=1,2'])
    """
    parser = ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--plugins", action="append", default=[], metavar="FOLDER")
    try:
        parsed, other_arguments = parser.parse_known_args(arguments)
    except ArgumentError as error:
        raise ConfigError(f"{error}; see mtl-train --help") from None
    return parsed.plugins, other_arguments


def hydra_arguments(arguments: list[str]) -> list[str]:
    """Checks a command line, and converts it to the arguments that Hydra needs.

    Settings of `dataset` and `compare` get `++`: Hydra then also sets keys that no YAML
    file holds. The check of the configuration finds unknown keys later.
    """
    parsed = parse_checked(arguments)
    # Flags move behind the settings: `--info` has an optional value, and Hydra would
    # take a setting after the flag for this value.
    flags = [argument for argument in arguments if argument not in parsed.overrides]
    if not parsed.shell_completion:
        warn_of_ignored_conf(parsed)
    if parsed.config_path:
        # Hydra takes the last value of a flag, and would not look for a relative folder
        # in the current folder.
        folder = Path(parsed.config_path).resolve()
        if not folder.is_dir():
            raise ConfigError(
                f"--config-path: there is no folder {folder}; name the folder of a "
                "configuration, such as a run folder"
            )
        flags.append(f"--config-path={folder}")
    settings = [expand_start_from(setting) for setting in parsed.overrides]
    for key, problem in REFUSED_KEYS.items():
        if sets_key(settings, key):
            raise ConfigError(f"{key}: {problem}")
    is_sweep = parsed.multirun
    can_become_sweep = not (prints_only(arguments) or is_sweep or parsed.run)
    if can_become_sweep and any(map(adds_runs, settings)):
        flags.append("--multirun")
        is_sweep = True
    if not sets_key(settings, "hydra.job.name"):
        settings = [*settings, f"hydra.job.name={sweep_name(mask_secrets(settings))}"]
    if is_sweep:
        if sets_key(settings, "hydra.run.dir"):
            raise ConfigError(
                "hydra.run.dir: this command starts several runs, each in a folder of "
                "the sweep; name the sweep's folder by hydra.sweep.dir"
            )
        settings = defer_settings_of_swept_groups(settings)
    return [*map(with_add_prefix, settings), *flags]


def argument_parser() -> ArgumentParser:
    """Returns Hydra's parser of flags and settings, changed in two ways.

    The parser raises an exception for a wrong flag; Hydra's own parser would print all
    of its help and exit. `--version` prints the version of mtl-cli, not of Hydra.
    """
    parser = get_args_parser()
    parser.exit_on_error = False
    for action in parser._actions:
        if "--version" in action.option_strings:
            action.version = version_line()  # type: ignore[attr-defined]
    return parser


def parse_checked(arguments: list[str]) -> Namespace:
    try:
        parsed, unknown = argument_parser().parse_known_intermixed_args(arguments)
    except ArgumentError as error:
        raise ConfigError(f"{error}; see mtl-train --help") from None
    if unknown:
        raise ConfigError(
            f"there is no flag '{unknown[0]}'; settings are given without dashes, as "
            "in trainer.epochs=3"
        )
    if parsed.experimental_rerun:
        raise ConfigError(
            "--experimental-rerun reads a pickle, which can execute code; run a saved "
            "configuration with --config-path RUN --config-name config"
        )
    return parsed


def warn_of_ignored_conf(parsed: Namespace) -> None:
    typed_folders = [f for f in (parsed.config_dir, parsed.config_path) if f]
    is_typed = Path("conf").resolve() in [Path(f).resolve() for f in typed_folders]
    if conf_is_of_other_application() and not is_typed:
        warnings.warn(
            "./conf holds a config.yaml, so mtl-train takes ./conf for the folder of "
            "another application and does not read it; remove ./conf/config.yaml, or "
            "add the options of ./conf by --config-dir conf",
            stacklevel=2,
        )


def prints_only(arguments: list[str]) -> bool:
    """Whether a command line makes Hydra print something instead of starting runs."""
    parsed, _ = argument_parser().parse_known_intermixed_args(arguments)
    return bool(parsed.cfg or parsed.info or parsed.help or parsed.hydra_help)


def keys_to_explain(arguments: list[str]) -> list[str]:
    """Returns the keys after `--help`, as in `mtl-train --help trainer.patience`.

    The result is empty if the command line also has settings: Hydra then prints its
    help for these settings.
    """
    parsed = parse_checked(arguments)
    names: list[str] = parsed.overrides if parsed.help else []
    return [] if any("=" in name for name in names) else names


def expand_start_from(setting: str) -> str:
    """Returns `start_from.run=RUN` for the short form `start_from=RUN`.

    Hydra would replace the whole section `start_from` by the short form's value.

    >>> expand_start_from("start_from=outputs/runs/first")
    'start_from.run=outputs/runs/first'
    >>> expand_start_from("start_from={run: first, freeze: [towers]}")
    'start_from={run: first, freeze: [towers]}'
    """
    key, _, value = setting.partition("=")
    is_short = key == "start_from" and not value.startswith("{")
    return f"start_from.run={value}" if is_short else setting


def sets_key(settings: list[str], key: str) -> bool:
    return any(setting.lstrip("+").startswith(f"{key}=") for setting in settings)


def defer_settings_of_swept_groups(settings: list[str]) -> list[str]:
    """Writes each setting of a swept group's options as a `choice` of one value.

    Hydra applies a plain setting such as `model.num_experts=4` once before the sweep,
    to the default model. The default model may lack the key. Hydra applies a `choice`
    in each job, to the job's own model.

    >>> defer_settings_of_swept_groups(
    ...     ["model=mmoe,omoe", "model.num_experts=4", "seed=1"]
    ... )
    ['model=mmoe,omoe', 'model.num_experts=choice(4)', 'seed=1']
    """
    other_sweepers = ("sweep=", "hydra/sweeper=", "hydra.sweeper.")
    if any(s.startswith(other_sweepers) for s in settings):
        return settings  # only Hydra's basic sweeper reads `choice`
    swept_prefixes = tuple(f"{s.partition('=')[0]}." for s in settings if is_swept(s))
    return [as_choice(s) if s.startswith(swept_prefixes) else s for s in settings]


def as_choice(setting: str) -> str:
    """Writes `KEY=VALUE` as `KEY=choice(VALUE)`, unless that would change the value.

    >>> [as_choice(f"model.x={value}") for value in ("4", "'4'", "1,2")]
    ['model.x=choice(4)', "model.x='4'", 'model.x=1,2']
    """
    key, _, value = setting.partition("=")
    has_quotes = "'" in value or '"' in value  # `choice` would lose the quotes
    if not value or has_quotes or is_swept(setting):
        return setting
    choice = f"{key}=choice({value})"
    try:
        OverridesParser.create().parse_overrides([setting, choice])
    except OverrideParseException:  # the value cannot be read as a choice
        return setting
    return choice
