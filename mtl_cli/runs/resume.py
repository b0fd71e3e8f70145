"""Chooses whether a command starts a new run or resumes an unfinished run."""

import os
from dataclasses import dataclass
from pathlib import Path

from mtl_cli.config.run_config import Config
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.other_files import read_json_object
from mtl_cli.core.paths import shortest
from mtl_cli.core.run_folder import (
    RunFolder,
    check_run_folder,
    remove_checkpoints,
    status_of,
)
from mtl_cli.data.load import hash_rows
from mtl_cli.metrics.metrics_json import Scores
from mtl_cli.runs.console import Console
from mtl_cli.runs.provenance import config_difference_message, config_hash
from mtl_cli.scoring.scores import read_scores
from mtl_cli.training.checkpoint import (
    Checkpoint,
    checkpoint_files,
    describe_checkpoint,
    newest_checkpoint,
)

UNFINISHED = ("running", "interrupted")


@dataclass(frozen=True)
class RunStart:
    """The folder that a run starts in, and the state that it starts from."""

    folder: RunFolder  # locked for this process
    checkpoint: Checkpoint | None = None  # None: train from the beginning
    damaged: tuple[Path, ...] = ()  # damaged checkpoints, newer than `checkpoint`
    message: str = ""  # a line for the user about a resumed run


def choose_start(config: Config, path: Path, is_new_folder: bool) -> RunStart | None:
    """Chooses the run folder, by the key `resume` and by the runs that exist already.

    - If Hydra names a new folder for each command (`is_new_folder`), the folders beside
      `path` are searched for an unfinished run of the same configuration and data. The
      newest such run is resumed.
    - If `path` holds an unfinished run of the same configuration and data, this run is
      resumed.
    - If the run in `path` ended before its first checkpoint, a run of another
      configuration or data may replace it: nothing of value is lost.
    - Otherwise a new run starts in `path`.

    Returns: the start; None if `path` holds this run, and the run is finished.

    Raises:
        ConfigError: if the folder holds a run that this configuration cannot resume, or
            if `resume=must` finds no run to resume.
    """
    check_run_folder(path)
    if is_new_folder and config.resume != "never":
        start = resume_beside(config, path)
        if start is not None:
            return start
    if not is_new_folder and status_of(path) and not is_replaceable(path):
        reason = reason_not_to_resume(config, path)
        if reason is not None:
            raise ConfigError(
                f"hydra.run.dir: {path} holds a run already{reason}; name another "
                "folder, or remove this folder"
            )
        if status_of(path)["status"] == "done":
            # A process may be killed after it has recorded the end of its run, but
            # before it has removed its checkpoints.
            remove_checkpoints(path)
            return None
    folder = RunFolder(path)
    if folder.record.get("status") == "done":  # the run has ended in the meantime
        folder.release()
        return None
    replaces_run = (
        is_replaceable(path) and reason_not_to_resume(config, path) is not None
    )
    if folder.record and not replaces_run:
        return resume_run(folder, config)
    if config.resume == "must":
        folder.release()
        place = f"is unfinished beside {path}" if is_new_folder else f"is in {path}"
        raise ConfigError(
            "resume: 'must' needs an unfinished run, but no run of this configuration "
            f"and data {place}; start a run with resume=auto"
        )
    if replaces_run:
        folder.forget_run()
    return RunStart(folder)


def resume_beside(config: Config, path: Path) -> RunStart | None:
    """Resumes the newest unfinished run beside `path` that nobody else resumes."""
    for other_path in unfinished_runs(config, path):
        try:
            folder = RunFolder(other_path)
        except ConfigError:  # another process has locked the folder
            continue
        if folder.record.get("status") in UNFINISHED:
            return resume_run(folder, config, "; resume=never starts a new run")
        folder.release()  # the run has ended since the search
    return None


def unfinished_runs(config: Config, path: Path) -> list[Path]:
    """Returns the folders beside `path` with unfinished runs, newest run first.

    Only runs of the same configuration and data are returned.
    """
    expected_hash = config_hash(config)
    runs = []
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
            and has_same_data(config, other_path)
        ):
            runs.append((record.get("start", ""), other_path))
    return [run for _, run in sorted(runs, reverse=True)]


def is_replaceable(path: Path) -> bool:
    """Whether the run in a folder ended before its first checkpoint."""
    has_ended = status_of(path).get("status") in ("failed", "interrupted")
    return has_ended and not checkpoint_files(path)


def reason_not_to_resume(config: Config, path: Path) -> str | None:
    """Returns why this configuration may not resume the run in a folder, else None.

    The reason is a part of a message, with a colon in front. The reason is "" if the
    user forbids to resume: then the run may be the same.
    """
    if config.resume == "never":
        return ""
    if status_of(path).get("config_hash") != config_hash(config):
        return f": {config_difference_message(config, path)}"
    return None if has_same_data(config, path) else ": the data has changed since"


def has_same_data(config: Config, path: Path) -> bool:
    """Whether a run used the same data; True if the run has not recorded its data."""
    try:
        record = read_json_object(path / "environment.json")
    except (OSError, ValueError):
        return True
    return bool(record.get("data_hash") == hash_rows(config.dataset))


def resume_run(folder: RunFolder, config: Config, hint: str = "") -> RunStart:
    """Starts an unfinished run from its newest intact checkpoint, if there is one.

    The hint is the end of the message to the user. Raises a `ConfigError` if
    `resume=must` finds no intact checkpoint.
    """
    checkpoint, damaged = newest_checkpoint(folder.path)
    if checkpoint is None and config.resume == "must":
        folder.release()
        raise ConfigError(
            f"resume: 'must' needs a checkpoint, but {folder.path} holds no intact "
            "checkpoint; start the run again with resume=auto"
        )
    run = f"the unfinished run in {shortest(folder.path)}{hint}"
    if checkpoint is None:
        message = f"starting {run} again: it has no intact checkpoint"
    else:
        message = f"going on after {describe_checkpoint(checkpoint.path)} of {run}"
    return RunStart(folder, checkpoint, tuple(damaged), message)


def report_finished(config: Config, path: Path) -> None:
    """Prints that a run is finished already, and its scores."""
    scores = read_scores(path, config.outputs)
    console = Console(Path(os.devnull))
    end = status_of(path).get("end")
    console.print_line(
        f"{shortest(path)} holds this run, done at {end}; it is not run again"
    )
    if scores:
        split = main_split(scores)
        console.print_scores(f"{split} rows", config.outputs, scores[split])
    console.close()


def main_split(scores: dict[str, Scores]) -> str:
    """Returns the split to report: the first of test, valid and train with scores."""
    return next(split for split in ("test", "valid", "train") if split in scores)
