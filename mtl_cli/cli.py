"""`mtl-train`: Hydra composes the configuration, we check it and run it."""

import contextlib
import os
import shlex
import signal
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.types import RunMode
from omegaconf import DictConfig

from mtl_cli.errors import ConfigError, MtlError, fail, first_line
from mtl_cli.masking import masked, watch
from mtl_cli.paths import conf_folder, user_conf_folder
from mtl_cli.trust import guard

PROGRAM = "mtl-train"
# What ended a run that an exit code ended.
STOPS = {"143": "stopped by SIGTERM", "1": "what read the output has closed it"}


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
    guard()
    watch()
    signal.signal(signal.SIGTERM, terminate)
    failures: list[tuple[str, Exception]] = []

    def job(composed: DictConfig) -> None:
        # Hydra would print an error of its own above ours.
        try:
            run_job(composed)
        except Exception as error:
            failures.append((job_name(), error))

    app = hydra.main(
        version_base="1.3", config_path=str(conf_folder()), config_name="config"
    )(job)
    try:
        sys.argv[1:] = tidy(sys.argv[1:])
        app()
    except KeyboardInterrupt:
        sys.exit(fail(PROGRAM, "interrupted", 130))
    except Exception as error:
        # What Hydra itself raises is about the command or the YAML files.
        from mtl_cli.hydra_errors import explain

        sys.exit(fail(PROGRAM, explain(error, sys.argv[1:]), 2))
    codes = {
        fail(PROGRAM, name + message, code) for name, (message, code) in told(failures)
    }
    sys.exit(codes.pop() if len(codes) == 1 else min(len(codes), 1))


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
        from mtl_cli.hydra_errors import unknown_flag

        raise ConfigError(unknown_flag(unknown[0], arguments))
    if known.experimental_rerun:
        raise ConfigError(
            "--experimental-rerun: reads a pickle, which can execute code; run a saved "
            "configuration with --config-path RUN --config-name config"
        )
    settings = known.overrides
    flags = [argument for argument in arguments if argument not in settings]
    for i, flag in enumerate(flags):
        name, equals, folder = flag.partition("=")
        if name in ("--config-path", "-cp") and equals:
            flags[i] = f"{name}={Path(folder).resolve()}"
        elif name in ("--config-path", "-cp") and i + 1 < len(flags):
            flags[i + 1] = str(Path(flags[i + 1]).resolve())
    return flags + [f"++{s}" if s.startswith("dataset.") else s for s in settings]


def refuse_flag(message: str) -> NoReturn:
    """Says in one line what is wrong with a flag, where argparse prints all of them."""
    raise ConfigError(f"{message}; see mtl-train --help")


def run_job(composed: DictConfig) -> None:
    """Checks one composed configuration and runs it in its folder."""
    from mtl_cli.check import check

    path = Path(HydraConfig.get().runtime.output_dir)
    try:
        config = check(composed)
    except ConfigError:
        with contextlib.suppress(OSError):
            path.rmdir()  # which Hydra has just made, unless it holds something
        raise
    from mtl_cli.console import Console
    from mtl_cli.run import run
    from mtl_cli.run_folder import RunFolder
    from mtl_cli.saved_config import saved_config

    settings = list(HydraConfig.get().overrides.task)
    folder = RunFolder(path)
    console = Console(folder.path / "train.log")
    try:
        console.record(f"mtl-train {shlex.join(settings)}")
        folder.write_text("config.yaml", saved_config(composed))
        run(config, folder, console, settings)
    except BaseException as error:
        console.record(traceback.format_exc())
        stopped = isinstance(error, KeyboardInterrupt | SystemExit)
        reason = STOPS.get(str(error), str(error) or type(error).__name__)
        folder.finish("interrupted" if stopped else "failed", masked(reason))
        raise
    finally:
        console.close()
    folder.finish("done")


def told(
    failures: list[tuple[str, Exception]],
) -> Iterator[tuple[str, tuple[str, int]]]:
    """Yields which job failed, in a sweep, what to say of it, and its exit code."""
    for job, error in failures:
        if isinstance(error, MtlError):
            yield job, (str(error), error.exit_code)
        else:
            name, text = type(error).__name__, first_line(error)
            text = text if text == name else f"{name}: {text}"
            yield job, (f"{text}; the traceback is in train.log", 1)


def job_name() -> str:
    """Returns which job of a sweep this is, for its error; "" outside a sweep."""
    hydra_config = HydraConfig.get()
    if hydra_config.mode != RunMode.MULTIRUN:
        return ""
    settings = " ".join(hydra_config.overrides.task)
    return f"job {hydra_config.job.num} ({settings}): "


def terminate(_signal: int, _frame: FrameType | None) -> Any:
    """Ends the process on SIGTERM by way of the handlers that close the run."""
    sys.exit(143)


if __name__ == "__main__":
    main()
