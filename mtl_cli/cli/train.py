"""`mtl-train`: Hydra composes the configuration, we check it and run it."""

import os
import sys
from pathlib import Path
from typing import Any, NoReturn

import hydra
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from mtl_cli.cli.arguments import split_plugins, tidy
from mtl_cli.cli.config_guard import guard
from mtl_cli.config.overrides import as_typed
from mtl_cli.core import plugins, signals
from mtl_cli.core.errors import fail
from mtl_cli.core.paths import conf_folder, shortest, user_conf_folder
from mtl_cli.core.secrets import watch
from mtl_cli.core.signals import Stopped
from mtl_cli.runs.ending import again, going_on, leave, told
from mtl_cli.runs.execution import Request, execute
from mtl_cli.sweep import session

PROGRAM = "mtl-train"


class UserConf(SearchPathPlugin):
    """Puts the user's `./conf` before our own, and the configs of plugins behind."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        folder = user_conf_folder()
        if folder is not None:
            search_path.prepend("mtl-user", f"file://{folder}", anchor="main")
        for folder in plugins.conf_folders():
            search_path.append("mtl-plugin", f"file://{folder}")


def main() -> NoReturn:
    """Runs `mtl-train` and exits: 0 done, 1 failed, 2 wrong input, 130, 143 stopped."""
    # Hydra then raises its errors as they are, for `explain` to put into one line.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    Plugins.instance().register(UserConf)
    guard()
    watch()
    signals.install()
    failures: list[Exception] = []
    command = sys.argv[1:]
    plugin_folders: list[str] = []

    def job(composed: DictConfig) -> Any:
        if HydraConfig.get().mode == RunMode.MULTIRUN:
            from mtl_cli.sweep.start_jobs import start_jobs

            # Some launchers call this function in a process of their own.
            plugins.use_folders(plugin_folders)
            return start_jobs(composed)
        # Hydra would print an error of its own above ours.
        try:
            execute(request_of(composed))
        except Stopped as stop:
            raise Stopped(stop.code, going_on(stop, [PROGRAM, *command])) from None
        except Exception as error:
            failures.append(error)

    app = hydra.main(
        version_base="1.3", config_path=str(conf_folder()), config_name="config"
    )(job)
    try:
        plugin_folders, arguments = split_plugins(command)
        plugins.use_folders(plugin_folders)
        sys.argv[1:] = tidy(arguments)
        app()
        session.wait_for_jobs()
    except KeyboardInterrupt as stop:
        session.stop_jobs()
        message, code = str(stop) or "interrupted", getattr(stop, "code", 130)
        if counts := session.job_counts():
            message += f"; {counts}; to go on: {again([PROGRAM, *command])}"
        sys.exit(fail(PROGRAM, message, code))
    except SystemExit:
        session.stop_jobs()
        raise
    except BrokenPipeError:  # what read the help, `head`, has closed it
        session.stop_jobs()
        sys.stderr.close()
        sys.exit(1)
    except Exception as error:
        # What Hydra itself raises is about the command or the YAML files; of failed
        # jobs some sweepers make an error of their own.
        from mtl_cli.cli.hydra_errors import explain

        if not session.stop_jobs():
            sys.exit(fail(PROGRAM, explain(error, sys.argv[1:]), 2))
    codes = set()
    for message, code in [*map(told, failures), *session.failures()]:
        codes.add(fail(PROGRAM, message, code))
    if len(codes) > 1:
        sys.exit(1)
    sys.exit(codes.pop() if codes else 0)


def request_of(composed: DictConfig) -> Request:
    """Returns what a composed configuration and Hydra's own part of it ask for."""
    hydra_config = HydraConfig.get()
    raw: Any = OmegaConf.to_container(hydra_config, resolve=False)
    return Request(
        composed,
        choices=dict(hydra_config.runtime.choices),
        settings=[*config_flags(), *map(as_typed, hydra_config.overrides.task)],
        folder=Path(hydra_config.runtime.output_dir),
        is_new_folder="${now:" in raw["run"]["dir"],
    )


def config_flags() -> list[str]:
    """Returns the flags that name plugins, or a primary configuration not ours."""
    hydra_config = HydraConfig.get()
    sources = getattr(hydra_config.runtime, "config_sources", [])
    found = [f"--plugins={shortest(Path(path))}" for path in plugins.used_folders()]
    return found + [
        flag
        for source in sources
        if source.provider == "main" and Path(source.path) != conf_folder()
        for flag in (
            f"--config-path={shortest(Path(source.path))}",
            f"--config-name={hydra_config.job.config_name}",
        )
    ]


def command() -> NoReturn:
    """Runs `mtl-train` as a process of its own, which it then ends."""
    try:
        main()
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    if session.current is not None:  # the processes of a sweep are waited for
        sys.exit(code)
    leave(code)


if __name__ == "__main__":
    command()
