"""`mtl-train`: Hydra composes the configuration, we check it and run it."""

import contextlib
import os
import shlex
import sys
import tempfile
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import hydra
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from mtl_cli.cli.arguments import tidy
from mtl_cli.cli.config_guard import guard
from mtl_cli.config.overrides import as_typed
from mtl_cli.core import signals
from mtl_cli.core.errors import (
    MtlError,
    WriteError,
    fail,
)
from mtl_cli.core.paths import conf_folder, shortest, user_conf_folder
from mtl_cli.core.secrets import masked, watch
from mtl_cli.core.signals import Stopped
from mtl_cli.runs.ending import again, going_on, leave, status_after, told
from mtl_cli.sweep import session

if TYPE_CHECKING:
    from mtl_cli.config.run_config import Config
    from mtl_cli.core.run_folder import RunFolder
    from mtl_cli.runs.resume import Place

PROGRAM = "mtl-train"


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
    signals.install()
    failures: list[Exception] = []
    command = sys.argv[1:]

    def job(composed: DictConfig) -> Any:
        if HydraConfig.get().mode == RunMode.MULTIRUN:
            from mtl_cli.sweep.start_jobs import start_jobs

            return start_jobs(composed)
        # Hydra would print an error of its own above ours.
        try:
            return run_job(composed)
        except Stopped as stop:
            raise Stopped(stop.code, going_on(stop, [PROGRAM, *command])) from None
        except Exception as error:
            failures.append(error)

    app = hydra.main(
        version_base="1.3", config_path=str(conf_folder()), config_name="config"
    )(job)
    try:
        sys.argv[1:] = tidy(command)
        app()
        session.wait()
    except KeyboardInterrupt as stop:
        session.stop()
        message, code = str(stop) or "interrupted", getattr(stop, "code", 130)
        if fared := session.fared():
            message += f"; {fared}; to go on: {again([PROGRAM, *command])}"
        sys.exit(fail(PROGRAM, message, code))
    except SystemExit:
        session.stop()
        raise
    except BrokenPipeError:  # what read the help, `head`, has closed it
        session.stop()
        sys.stderr.close()
        sys.exit(1)
    except Exception as error:
        # What Hydra itself raises is about the command or the YAML files; of failed
        # jobs some sweepers make an error of their own.
        from mtl_cli.cli.hydra_errors import explain

        if not session.stop():
            sys.exit(fail(PROGRAM, explain(error, sys.argv[1:]), 2))
    codes = set()
    for message, code in [*map(told, failures), *session.failures()]:
        codes.add(fail(PROGRAM, message, code))
    if len(codes) > 1:
        sys.exit(1)
    sys.exit(codes.pop() if codes else 0)


def run_job(composed: DictConfig) -> bool:
    """Checks one composed configuration and runs it in its folder.

    Returns: whether it had to; the folder may hold the finished run.
    """
    from mtl_cli.config.check import check
    from mtl_cli.distributed import cluster
    from mtl_cli.runs import resume

    path = Path(HydraConfig.get().runtime.output_dir)
    try:
        config = check(composed)
        if cluster.rank(config.trainer.strategy):
            remove_empty(path)
            help_chief(config, composed)
            return True
        place = resume.choose(config, path, new_each_time())
    except MtlError:
        remove_empty(path)
        raise
    if place.path != path:
        remove_empty(path)
    if place.folder is None:
        resume.tell_finished(config, place.path)
        return False
    carry_out(config, place, place.folder, composed)
    return True


def help_chief(config: "Config", composed: DictConfig) -> None:
    """Takes part in a run whose folder another process writes, and tells of."""
    from mtl_cli.core.run_folder import RunFolder
    from mtl_cli.runs.resume import Place
    from mtl_cli.trackers.none import NoTracker

    config = config.model_copy(update={"tracker": NoTracker(name="none")})
    with (
        tempfile.TemporaryDirectory(prefix="mtl-worker-") as name,
        open(os.devnull, "w") as nowhere,
        contextlib.redirect_stdout(nowhere),
    ):
        folder = RunFolder(Path(name))
        try:
            carry_out(config, Place(folder.path, folder), folder, composed)
        except Stopped as stop:
            stop.run = None  # the chief says what of the run is safe
            raise


def carry_out(
    config: "Config", place: "Place", folder: "RunFolder", composed: DictConfig
) -> None:
    """Runs a checked configuration, and writes how it ended."""
    from mtl_cli.runs.console import Console
    from mtl_cli.runs.provenance import config_hash
    from mtl_cli.runs.run import run
    from mtl_cli.runs.saved_config import saved_config

    settings = [*configured(), *map(as_typed, HydraConfig.get().overrides.task)]
    try:
        folder.begin(config_hash(config))
        with contextlib.closing(Console(folder.path / "train.log")) as console:
            try:
                console.record(f"mtl-train {shlex.join(settings)}")
                for path in place.damaged:
                    console.warn(f"{path} is damaged; it is not used")
                if place.note:
                    console.line(place.note)
                if not (folder.path / "config.yaml").exists():
                    folder.write_text("config.yaml", saved_config(composed))
                values = masked(config.model_dump(mode="json"))
                with config.tracker.following(folder.path, values):
                    run(config, folder, console, settings, place.checkpoint)
            except BaseException:
                with contextlib.suppress(WriteError):
                    console.record(traceback.format_exc())
                raise
        folder.finish("done")
    except BaseException as error:
        with contextlib.suppress(WriteError):
            folder.finish(*status_after(error))
        if isinstance(error, Stopped):
            error.run = folder.path
        raise
    finally:
        folder.release()


def configured() -> list[str]:
    """Returns the flags that name the configuration of this run, if it is not ours.

    A job of a sweep does not know of them.
    """
    hydra_config = HydraConfig.get()
    sources = getattr(hydra_config.runtime, "config_sources", [])
    return [
        flag
        for source in sources
        if source.provider == "main" and Path(source.path) != conf_folder()
        for flag in (
            f"--config-path={shortest(Path(source.path))}",
            f"--config-name={hydra_config.job.config_name}",
        )
    ]


def new_each_time() -> bool:
    """Whether Hydra names another run folder for each command, after the time."""
    hydra_config: Any = OmegaConf.to_container(HydraConfig.get(), resolve=False)
    single = HydraConfig.get().mode == RunMode.RUN
    return single and "${now:" in hydra_config["run"]["dir"]


def remove_empty(folder: Path) -> None:
    """Removes a folder that Hydra has just made, unless it holds something."""
    with contextlib.suppress(OSError):
        folder.rmdir()


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
