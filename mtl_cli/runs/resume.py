"""Chooses whether a command starts a new run or resumes an unfinished run."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mtl_cli.config.run_config import Config
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.other_files import read_json_object
from mtl_cli.core.paths import short_path
from mtl_cli.core.run_folder import RunFolder, check_run_folder, remove_checkpoints
from mtl_cli.core.run_status import status_of
from mtl_cli.data.load import hash_rows
from mtl_cli.network import pretrained
from mtl_cli.runs.earlier_run import MODEL_HASH, model_hash
from mtl_cli.runs.provenance import (
    PRETRAINED,
    changed_names,
    changed_plugins,
    config_difference_message,
    config_hash,
)
from mtl_cli.training.checkpoint import (
    Checkpoint,
    checkpoint_files,
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
      `holds_requested_run`.

    Returns: the start; None if `path` holds the requested run, and this run is done.
    """
    check_run_folder(path)
    if is_named_by_time and config.resume != "never":
        start = start_beside(config, path)
        if start is not None:
            return start
        if config.resume == "must":
            raise nothing_to_resume_error(f"is unfinished beside {path}")
    # A finished run may lie in a read-only folder, and a refusal writes nothing. So the
    # first decision needs no lock.
    record = status_of(path)
    if holds_requested_run(config, path, record) and record["status"] == "done":
        # A process may be killed after it has recorded the end of its run, but before
        # it has removed its checkpoints.
        remove_checkpoints(path)
        return None
    folder = RunFolder(path)
    with released_after_error(folder):
        # Another process may have written to the folder in the meantime.
        if not holds_requested_run(config, path, folder.record):
            folder.forget_run()
            return RunStart(folder)
        if folder.record["status"] != "done":
            return resumed_start(config, folder)
    folder.release()
    return None


def holds_requested_run(config: Config, path: Path, record: dict[str, Any]) -> bool:
    """Whether the folder `path` holds the run that a command asks for, done or not.

    `record` is the content of the folder's `status.json`; {} if there is no such file.

    - True for a run of the same configuration, data and plugins.
    - False for a folder without a run; for another run that ended before its first
      checkpoint; and for a check of the data (`check_only`), because the table may have
      changed. Nothing of value is lost if a new run replaces such a run.
    - Any other run is neither resumed nor replaced; the command is refused.

    With `resume=never`, every run counts as a run of another configuration. With
    `resume=must`, a command that would start a new run is refused.
    """
    if record:
        reason = reason_not_to_resume(config, path, record)
        if reason is None and not config.check_only:
            return True
        # A killed run has not ended: its status is still "running".
        has_ended = record["status"] in ("failed", "interrupted")
        if reason and (not has_ended or checkpoint_files(path)):
            raise ConfigError(reason)
    if config.resume == "must":
        raise nothing_to_resume_error(f"is in {path}")
    return False


def nothing_to_resume_error(predicate: str) -> ConfigError:
    return ConfigError(
        "resume: 'must' needs an unfinished run, but no run of this configuration, "
        f"data and plugins {predicate}; start a run with resume=auto"
    )


def reason_not_to_resume(
    config: Config, path: Path, record: dict[str, Any]
) -> str | None:
    """Returns why a command may not resume the run in a folder; None if it may."""
    holds_run = f"hydra.run.dir: {path} holds a run already"
    fix = "name another folder, or remove this folder"
    if config.resume == "never":
        return f"{holds_run}; {fix}"
    if record.get("config_hash") != config_hash(config):
        return f"{holds_run}: {config_difference_message(config, path)}; {fix}"
    if change := data_or_plugin_change(config, path):
        return f"{holds_run}: {change}; undo the change to go on with the run, {fix}"
    return None


def data_or_plugin_change(config: Config, path: Path) -> str:
    """Says what has changed since a run began; "" if nothing has, or it is unknown."""
    try:
        environment = read_json_object(path / "environment.json")
    except (OSError, ValueError):
        return ""
    if environment.get("data_hash") != hash_rows(config.dataset):
        return "the data has changed since this run read its rows"
    if names := changed_names(PRETRAINED, pretrained.file_hashes(config), path):
        return f"the pretrained vectors have changed since this run began: {names}"
    if is_earlier_run_replaced(config, environment.get("start_from")):
        return f"{config.start_from.run} holds another model than when this run began"
    if names := changed_plugins(config, path):
        return f"the code of the plugin of {names} has changed since this run began"
    return ""


def is_earlier_run_replaced(config: Config, lineage: object) -> bool:
    """Whether the earlier run's folder now holds another model than a run took over.

    False if the earlier run was removed. `lineage` is `start_from` of the run's
    `environment.json`; a run of an earlier version has no hash of the model there.
    """
    if config.start_from.run is None or not isinstance(lineage, dict):
        return False
    hashes = lineage.get(MODEL_HASH), model_hash(Path(config.start_from.run))
    return None not in hashes and hashes[0] != hashes[1]


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
