"""Chooses whether a command starts a new run or resumes an unfinished run."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mtl_cli.config.run_config import Config
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.paths import short_path
from mtl_cli.core.run_folder import RunFolder, check_run_folder, remove_checkpoints
from mtl_cli.core.run_status import status_of
from mtl_cli.runs.console import Console
from mtl_cli.runs.provenance import config_hash
from mtl_cli.runs.resume_decision import (
    Decision,
    data_or_plugin_change,
    decide,
    nothing_to_resume_error,
)
from mtl_cli.scoring.scores import main_split, read_scores
from mtl_cli.training.checkpoint import (
    Checkpoint,
    describe_checkpoint,
    newest_checkpoint,
)

# The status of a run that may be resumed. A killed run still has the status "running".
UNFINISHED = ("running", "interrupted")


@dataclass(frozen=True)
class RunStart:
    """The folder that a run starts in, and the state that it starts from."""

    run_folder: RunFolder  # locked for this process
    checkpoint: Checkpoint | None = None  # None: train from the beginning
    damaged: tuple[Path, ...] = ()  # damaged checkpoints, newer than `checkpoint`
    message: str = ""  # a line for the user about a resumed run


def choose_start(config: Config, path: Path, is_named_by_time: bool) -> RunStart | None:
    """Chooses the folder in which a command runs, and locks this folder.

    - If Hydra names a new folder for each command (`is_named_by_time`), `resume=auto`
      and `resume=must` first search the folders beside `path`. The newest unfinished
      run of the same configuration, data and plugins is resumed there. Without such a
      run, or with `resume=never`, a new run starts in `path`.
    - If the user names the folder `path`, its content decides, see
      `resume_decision.decide`.

    Returns: the start; None if `path` holds the requested run, and this run is done.
    """
    check_run_folder(path)
    if is_named_by_time and config.resume != "never":
        start = start_beside(config, path)
        if start is not None:
            return start
        if config.resume == "must":
            raise nothing_to_resume_error(f"is unfinished beside {path}")
    # The decision here needs no lock: a finished run may lie in a read-only folder, and
    # a refusal writes nothing. `start_as_decided` decides again under the lock, because
    # another process may have written to the folder in the meantime.
    if decide(config, path, status_of(path)) is Decision.FINISHED:
        # A process may be killed after it has recorded the end of its run, but before
        # it has removed its checkpoints.
        remove_checkpoints(path)
        return None
    folder = RunFolder(path)
    with released_after_error(folder):
        return start_as_decided(config, folder)


def start_beside(config: Config, path: Path) -> RunStart | None:
    """Resumes the newest unfinished run beside `path` that no process has locked.

    Returns None if there is no such run.
    """
    for other_path in unfinished_runs(config, path):
        try:
            folder = RunFolder(other_path)
        except ConfigError:  # another process has locked the folder
            continue
        with released_after_error(folder):
            # Another process may have ended the run between the search and the lock.
            if folder.record.get("status") in UNFINISHED:
                hint = "; resume=never starts a new run"
                return resumed_start(config, folder, hint)
        folder.release()
    return None


def unfinished_runs(config: Config, path: Path) -> list[Path]:
    """Returns the folders beside `path` with unfinished runs, newest run first.

    Only runs of the same configuration, data and plugins are returned.
    """
    expected_hash = config_hash(config)
    runs = []  # (time of the start, folder) of each run
    for other_path in path.parent.iterdir():
        if other_path.is_symlink():
            continue
        try:
            record = status_of(other_path)
        except ConfigError:
            continue
        if (
            record.get("status") in UNFINISHED
            and record.get("config_hash") == expected_hash
            and not data_or_plugin_change(config, other_path)
        ):
            runs.append((record.get("start", ""), other_path))
    return [run for _, run in sorted(runs, reverse=True)]


@contextmanager
def released_after_error(folder: RunFolder) -> Iterator[None]:
    try:
        yield
    except BaseException:
        folder.release()
        raise


def start_as_decided(config: Config, folder: RunFolder) -> RunStart | None:
    """Starts, replaces or resumes the run in a locked folder, as `decide` says.

    If the requested run is finished, frees the lock and returns None.
    """
    match decide(config, folder.path, folder.record):
        case Decision.FINISHED:
            folder.release()
            return None
        case Decision.RESUME:
            return resumed_start(config, folder)
        case Decision.REPLACE:
            folder.forget_run()
    return RunStart(folder)


def resumed_start(config: Config, folder: RunFolder, hint: str = "") -> RunStart:
    """Resumes an unfinished run at its newest intact checkpoint.

    Without an intact checkpoint, the run starts at its beginning. `hint` is added to
    the message for the user.
    """
    checkpoint, damaged = newest_checkpoint(folder.path)
    if checkpoint is None and config.resume == "must":
        raise ConfigError(
            f"resume: 'must' needs a checkpoint, but {folder.path} holds no intact "
            "checkpoint; start the run again with resume=auto"
        )
    run = f"the unfinished run in {short_path(folder.path)}"
    if checkpoint is None:
        message = f"starting {run} again: it has no intact checkpoint{hint}"
    else:
        progress = describe_checkpoint(checkpoint.path)
        message = f"going on after {progress} of {run}{hint}"
    return RunStart(folder, checkpoint, tuple(damaged), message)


def report_finished(config: Config, path: Path) -> None:
    """Prints that a run is finished already, and its scores."""
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
