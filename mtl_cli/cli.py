"""`mtl-train`: Hydra composes the configuration, we check it and run it."""

import os
import signal
import sys
import traceback
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import hydra
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import DictConfig

from mtl_cli.errors import MtlError
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
    app = hydra.main(
        version_base="1.3", config_path=str(conf_folder()), config_name="config"
    )(job)
    try:
        app()
    except Exception as error:
        from mtl_cli.hydra_errors import explain

        sys.exit(fail(explain(error, sys.argv[1:]), exit_code(error)))
    except KeyboardInterrupt:
        sys.exit(fail("interrupted", 130))
    sys.exit(0)


def job(composed: DictConfig) -> None:
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


def exit_code(error: Exception) -> int:
    """Returns 2 for what was wrong before the run started, 1 for what failed in it."""
    if isinstance(error, MtlError):
        return error.exit_code
    from mtl_cli.hydra_errors import is_about_the_command

    return 2 if is_about_the_command(error) else 1


def fail(message: str, code: int) -> int:
    """Prints an error in one line; returns the exit code."""
    sys.stderr.write(f"mtl-train: error: {message}\n")
    return code


def terminate(_signal: int, _frame: FrameType | None) -> Any:
    """Ends the process on SIGTERM by way of the handlers that close the run."""
    sys.exit(143)
