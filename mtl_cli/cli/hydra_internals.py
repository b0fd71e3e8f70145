"""The private parts of Hydra that this project relies on.

`config_files.py` has those that read files. Hydra has no public functions for these
tasks. `tests/cli/test_hydra_internals.py` fails if a new version of Hydra changes one
of the private parts.
"""

import copy
from argparse import ArgumentParser
from collections.abc import Callable
from functools import wraps
from importlib.metadata import version
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path, get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.plugins.completion_plugin import CompletionPlugin
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

# Arguments: the loader, a function that composes the configuration, the name of the
# primary configuration, and the settings. Returns the composed configuration.
Wrapper = Callable[
    [ConfigLoaderImpl, Callable[[], DictConfig], str | None, list[str]], DictConfig
]


def argument_parser() -> ArgumentParser:
    """Returns Hydra's parser of flags and settings, changed in two ways.

    The parser raises an exception for a wrong flag; Hydra's own parser would print all
    of its help and exit. `--version` prints the version of mtl-cli, not of Hydra.
    """
    parser = get_args_parser()
    parser.exit_on_error = False
    for action in parser._actions:
        if "--version" in action.option_strings:
            action.version = f"mtl-cli {version('mtl-cli')}"  # type: ignore[attr-defined]
    return parser


def wrap_composition(wrapper: Wrapper) -> None:
    """Makes Hydra call a function wherever it composes a configuration.

    The function composes the configuration, and can check it before Hydra acts on it. A
    callback of Hydra would be called too late: Hydra builds the classes of callbacks
    from their names in the configuration. The change is for the whole process, because
    Hydra makes its loaders itself.

    Hydra composes a configuration to learn from `hydra.mode` whether to start a run or
    a sweep, and composes the same configuration anew to start it, with a setting of
    the mode added. The second time gets the configuration of the first, with this
    setting; the function checks it again.
    """
    compose: Any = ConfigLoaderImpl._load_configuration_impl
    if hasattr(compose, "__wrapped__"):  # wrapped by an earlier call
        return

    # At most one: the loader, the name, the settings and the configuration.
    composed_for_mode: list[tuple[Any, str | None, list[str], Any]] = []

    @wraps(compose)
    def wrapped(self: ConfigLoaderImpl, **kwargs: Any) -> DictConfig:
        name, settings = kwargs["config_name"], list(kwargs["overrides"])

        def compose_for_mode() -> DictConfig:
            composed: DictConfig = compose(self, **kwargs)
            kept = copy.deepcopy(composed)  # the wrapper changes what is composed
            composed_for_mode.append((self, name, settings, kept))
            return composed

        def compose_or_reuse() -> DictConfig:
            loader, earlier_name, earlier_settings, kept = earlier
            added = settings[len(earlier_settings) :]
            if (
                (loader, earlier_name, earlier_settings + added)
                == (self, name, settings)
                and added in ([], *([f"hydra.mode={mode.name}"] for mode in RunMode))
                and may_run(self, kept, **kwargs)
            ):
                return with_settings(kept, added)
            return compose(self, **kwargs)  # type: ignore[no-any-return]

        nothing: tuple[Any, str | None, list[str], Any] = (None, None, [], None)
        earlier = composed_for_mode.pop() if composed_for_mode else nothing
        is_for_mode = not kwargs["validate_sweep_overrides"]  # Hydra reads it alone
        compose_now = compose_for_mode if is_for_mode else compose_or_reuse
        return wrapper(self, compose_now, name, settings)

    ConfigLoaderImpl._load_configuration_impl = wrapped  # type: ignore


def with_settings(composed: DictConfig, settings: list[str]) -> DictConfig:
    """Changes a composed configuration as Hydra does for settings of its section."""
    overrides = OverridesParser.create().parse_overrides(settings)
    ConfigLoaderImpl._apply_overrides_to_config(overrides, composed)
    composed.hydra.overrides.hydra.extend(settings)
    return composed


def may_run(
    loader: ConfigLoaderImpl,
    composed: DictConfig,
    *,
    overrides: list[str],
    run_mode: RunMode,
    from_shell: bool,
    **_: object,
) -> bool:
    """Whether Hydra would run a configuration that was composed for its mode alone.

    To learn the mode, Hydra neither refuses `key=a,b` without `-m` nor a group of which
    no option is chosen.
    """
    choices = composed.hydra.runtime.choices
    if any(OmegaConf.is_missing(choices, group) for group in choices):
        return False
    try:
        settings = OverridesParser.create().parse_overrides(overrides)
        loader.validate_sweep_overrides_legal(settings, run_mode, from_shell)
    except HydraException:
        return False
    return True


def compose_without(
    provider: str, folder: str | None, config_name: str | None, settings: list[str]
) -> DictConfig:
    """Composes a configuration without the files of one provider, and without checks.

    Args:
        provider: the name under which a plugin has added folders to the search path.
        folder: the folder of the primary configuration; None for no such folder.
        config_name: the name of the primary configuration, or None.
        settings: settings of the command line.
    """
    search_path = create_config_search_path(folder)
    entries = search_path.get_path()
    entries[:] = [entry for entry in entries if entry.provider != provider]
    loader = ConfigLoaderImpl(search_path)
    compose: Any = ConfigLoaderImpl._load_configuration_impl
    compose = getattr(compose, "__wrapped__", compose)  # without the wrapper
    composed: DictConfig = compose(
        loader, config_name=config_name, overrides=settings, run_mode=RunMode.RUN
    )
    return composed


def load_primary(loader: ConfigLoaderImpl, config_name: str) -> Any:
    """Reads the file of the primary configuration alone, without its defaults."""
    loaded = loader.repository.load_config(config_name)
    return None if loaded is None else loaded.config


def wrap_completion(select: Callable[[list[str]], list[str]]) -> None:
    """Makes Hydra's completion of commands offer only some of its words.

    The change is for the whole process.

    Args:
        select: returns the words to offer, of all words that fit the command line.
    """
    query: Any = CompletionPlugin._query
    if hasattr(query, "__wrapped__"):  # wrapped by an earlier call
        return

    @wraps(query)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> list[str]:
        return select(query(self, *args, **kwargs))

    CompletionPlugin._query = wrapped  # type: ignore
