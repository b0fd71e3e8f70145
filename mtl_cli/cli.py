"""`mtl-train`: Hydra composes the configuration, we check it and run it."""

import os
import signal
import sys
import traceback
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import DictConfig

from mtl_cli.errors import ConfigError, MtlError
from mtl_cli.paths import conf_folder, user_conf_folder


class UserConf(SearchPathPlugin):
    """Puts the user's `./conf` before our own."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        folder = user_conf_folder()
        if folder is not None:
            search_path.prepend("mtl-user", f"file://{folder}", anchor="main")


def main() -> NoReturn:
    """Runs `mtl-train` and exits: 0 done, 1 failed, 2 wrong input, 130, 143 stopped."""
    # Hydra then raises its errors as they are, for `explain` to put into one line.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    Plugins.instance().register(UserConf)
    signal.signal(signal.SIGTERM, terminate)
    failures: list[Exception] = []

    def job(composed: DictConfig) -> None:
        # Hydra would print an error of its own above ours.
        try:
            run_job(composed)
        except Exception as error:
            failures.append(error)

    app = hydra.main(
        version_base="1.3", config_path=str(conf_folder()), config_name="config"
    )(job)
    try:
        check_flags(sys.argv[1:])
        app()
    except KeyboardInterrupt:
        sys.exit(fail("interrupted", 130))
    except Exception as error:
        # What Hydra itself raises is about the command or the YAML files.
        from mtl_cli.hydra_errors import explain

        sys.exit(fail(explain(error, sys.argv[1:]), 2))
    codes = [fail(*told(error)) for error in failures]
    sys.exit(max(codes, default=0) if len(codes) < 2 else 1)


def check_flags(arguments: list[str]) -> None:
    """Refuses flags that Hydra does not know, in one line."""
    _, unknown = get_args_parser().parse_known_args(arguments)
    if unknown:
        from mtl_cli.hydra_errors import unknown_flag

        raise ConfigError(unknown_flag(unknown[0], arguments))


def run_job(composed: DictConfig) -> None:
    """Checks one composed configuration and runs it in its folder."""
    from mtl_cli.check import check

    config = check(composed)
    from mtl_cli.console import Console
    from mtl_cli.run import run
    from mtl_cli.run_folder import RunFolder
    from mtl_cli.saved_config import saved_config

    hydra_config = HydraConfig.get()
    folder = RunFolder(Path(hydra_config.runtime.output_dir))
    console = Console(folder.path / "train.log")
    try:
        console.record("mtl-train " + " ".join(hydra_config.overrides.task))
        folder.write_text("config.yaml", saved_config(composed))
        run(config, folder, console)
    except BaseException as error:
        console.record(traceback.format_exc())
        stopped = isinstance(error, KeyboardInterrupt | SystemExit)
        reason = str(error) or type(error).__name__
        folder.finish("interrupted" if stopped else "failed", reason)
        raise
    finally:
        console.close()
    folder.finish("done")


def told(error: Exception) -> tuple[str, int]:
    """Returns what to say of a run's error, and its exit code."""
    if isinstance(error, MtlError):
        return str(error), error.exit_code
    text = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {text}; the traceback is in train.log", 1


def fail(message: str, code: int) -> int:
    """Prints an error in one line; returns the exit code."""
    sys.stderr.write(f"mtl-train: error: {message}\n")
    return code


def terminate(_signal: int, _frame: FrameType | None) -> Any:
    """Ends the process on SIGTERM by way of the handlers that close the run."""
    sys.exit(143)


if __name__ == "__main__":
    main()
