"""Runs a configuration that Hydra has composed, or resumes its unfinished run."""

import contextlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from mtl_cli.core.errors import ConfigError, MtlError, TrainingError
from mtl_cli.core.paths import short_path
from mtl_cli.core.plugin_code import chosen_plugins, plugin_line
from mtl_cli.core.run_folder import LOG, RunFolder, check_run_folder
from mtl_cli.core.secrets import mask_secrets
from mtl_cli.core.signals import Stopped
from mtl_cli.runs.outcome import failure_message, is_expected, message_and_code

if TYPE_CHECKING:
    from mtl_cli.config.run_config import Config
    from mtl_cli.runs.resume import RunStart


@dataclass(frozen=True)
class RunRequest:
    """The run that a command or a job of a sweep requests."""

    composed: DictConfig  # the configuration that Hydra has composed
    choices: dict[str, Any]  # {config group: the chosen option}
    settings: list[str]  # the flags and settings that the user typed
    folder: Path  # the run folder that Hydra has named
    # Whether Hydra names a new folder, by the current time, for each command.
    is_named_by_time: bool = False


def execute(request: RunRequest) -> tuple[Path, bool]:
    """Checks a configuration and runs it, unless the run is finished already.

    With several processes, each process calls this function.

    Returns: the run folder, and whether this process executed the run. False means that
        the run was finished before. A worker returns the requested folder, although the
        folder may have been removed.
    """
    from mtl_cli.config.check import check
    from mtl_cli.distributed import cluster
    from mtl_cli.runs.resume import choose_start

    start = None
    try:
        config = check(request.composed)
        strategy = config.trainer.strategy
        is_chief = cluster.rank(strategy) == 0
        if is_chief:
            start = choose_start(config, request.folder, request.is_named_by_time)
    finally:
        # Hydra has made the requested folder. The folder is not needed if this process
        # is not the chief, if it resumes a run in another folder, or if the
        # configuration is refused.
        if start is None or start.run_folder.path != request.folder:
            # `rmdir` refuses a folder that is not empty.
            with contextlib.suppress(OSError):
                request.folder.rmdir()
    if is_chief:
        return execute_as_chief(config, start, request)
    execute_as_worker(config, request, cluster.rank(strategy))
    return request.folder, True


def execute_as_chief(
    config: "Config", start: "RunStart | None", request: RunRequest
) -> tuple[Path, bool]:
    """Runs a checked configuration, or reports that its run is finished.

    `start` is None if the run is finished. Returns what `execute` returns.
    """
    if start is None:
        from mtl_cli.distributed import cluster, rendezvous

        report_finished(config, request.folder)
        if config.trainer.strategy == "multi_worker":
            workers, _ = cluster.workers_and_rank()
            rendezvous.dismiss_workers(workers)
        return request.folder, False
    path = start.run_folder.path
    # A check of the data keeps its folder only if the user has named the folder.
    leaves_no_folder = config.check_only and request.is_named_by_time
    try:
        execute_in_folder(config, start, request)
    except BaseException as error:
        if is_expected(error):
            raise
        leaves_no_folder = False
        message, _ = message_and_code(error)
        hint = plugin_line(error) or chosen_plugins(config.model_dump(mode="json"))
        raise TrainingError(
            f"{message}{hint}; the traceback is in {short_path(path / LOG)}"
        ) from error
    finally:
        if leaves_no_folder:
            shutil.rmtree(path, ignore_errors=True)
    return path, True


def report_finished(config: "Config", path: Path) -> None:
    """Prints that a run is finished already, and its scores."""
    from mtl_cli.core.run_status import status_of
    from mtl_cli.runs.console import Console
    from mtl_cli.scoring.scores import main_split, read_scores

    scores = read_scores(path, config.outputs)
    # The folder of a finished run stays as it is, so nothing is added to `train.log`.
    console = Console(Path(os.devnull))
    end = status_of(path).get("end")
    console.print_line(
        f"{short_path(path)} holds this run, done at {end}; it is not run again"
    )
    if scores:
        split = main_split(scores)
        console.print_scores(f"{split} rows", config.outputs, scores[split])
    console.close()


def execute_as_worker(config: "Config", request: RunRequest, rank: int) -> None:
    """Trains as a worker other than the chief, in a temporary folder.

    Only the chief records the run, prints to the terminal and calls the tracker. The
    log of a failed worker is copied to the run folder, which is made if this machine
    has no access to the chief's folder.
    """
    from mtl_cli.runs.resume import RunStart
    from mtl_cli.trackers.none import NoTracker

    config = config.model_copy(update={"tracker": NoTracker(name="none")})
    with (
        tempfile.TemporaryDirectory(prefix="mtl-worker-") as temporary,
        open(os.devnull, "w") as devnull,
        contextlib.redirect_stdout(devnull),
    ):
        folder = Path(temporary)
        try:
            execute_in_folder(config, RunStart(RunFolder(folder)), request)
        except Stopped as stop:
            # A worker has no checkpoint. Without a run folder, the message names none.
            stop.run = None
            raise
        except Exception as error:
            if isinstance(error, MtlError) and error.exit_code == 2:  # wrong input
                raise
            message = f"worker {rank}: {failure_message(error)}"
            log = request.folder / f"worker-{rank}.log"
            # If the disk is full, there may be no log, or no space for its copy.
            with contextlib.suppress(OSError, ConfigError):
                request.folder.mkdir(parents=True, exist_ok=True)
                check_run_folder(request.folder)
                shutil.copy(folder / LOG, log)
                message += f"; the traceback is in {short_path(log)}"
            raise TrainingError(message) from error


def execute_in_folder(config: "Config", start: "RunStart", request: RunRequest) -> None:
    """Runs a checked configuration, and sends its results to the tracker.

    With `check_only`, nothing is sent: the tracker would list the check as a run.
    """
    from mtl_cli.runs.recorded_run import recorded_run
    from mtl_cli.runs.run import run
    from mtl_cli.runs.saved_config import saved_config
    from mtl_cli.runs.tracked_run import tracked_run
    from mtl_cli.trackers.none import NoTracker

    tracker = NoTracker(name="none") if config.check_only else config.tracker
    folder, checkpoint, settings = start.run_folder, start.checkpoint, request.settings
    command = ["mtl-train", *settings]
    with recorded_run(folder, config, command) as console:
        for path in start.damaged:
            console.warn(f"the checkpoint {path} is damaged, so it is not used")
        if start.message:
            console.print_line(start.message)
        text = saved_config(request.composed, request.choices)
        folder.write_text("config.yaml", text)
        values = mask_secrets(config.model_dump(mode="json"))
        earlier_epochs = None if checkpoint is None else checkpoint.values.epochs
        with tracked_run(
            tracker, folder.path, console.warn, values, earlier_epochs
        ) as tracked:
            scores = run(
                config,
                folder,
                console,
                settings,
                checkpoint=checkpoint,
                on_epoch=tracked.epoch,
            )
            tracked.end(scores)
