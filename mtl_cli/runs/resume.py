"""Where a command runs: in a folder of its own, or in one whose run it goes on with."""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from mtl_cli.config.run_config import Config
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.paths import shortest
from mtl_cli.core.run_folder import CHECKPOINTS, RunFolder, status_of
from mtl_cli.data.load import fingerprint_of
from mtl_cli.evaluation.scores import read_scores
from mtl_cli.runs.console import Console
from mtl_cli.runs.provenance import config_difference, config_hash
from mtl_cli.training.checkpoint import Checkpoint, described, newest

# Splits, those that runs are about first.
SHOWN = ("test", "valid", "train")
UNFINISHED = ("running", "interrupted")


@dataclass(frozen=True)
class Place:
    """Where a command runs.

    Attributes:
        path: of the run folder.
        folder: which this process holds; None if the run in it is finished.
        checkpoint: to go on from.
        damaged: newer checkpoints that are not as they were written.
        note: what to say of a run that goes on; "" of one that starts.
    """

    path: Path
    folder: RunFolder | None
    checkpoint: Checkpoint | None = None
    damaged: tuple[Path, ...] = ()
    note: str = ""


def choose(config: Config, path: Path, new: bool) -> Place:
    """Returns where to run, as `resume` and the folder's content decide.

    Args:
        config: of this run.
        path: the run folder that Hydra has chosen.
        new: whether Hydra names a new one for each command: then a run that was
            interrupted is looked for beside it.

    Raises:
        ConfigError: if the folder holds a run that this one cannot go on with.
    """
    if new and config.resume != "never":
        for other in unfinished(config, path):
            try:
                folder = RunFolder(other)
            except ConfigError:  # it is still running
                continue
            if folder.record.get("status") not in UNFINISHED:  # in the meantime
                folder.release()
                continue
            return going_on(folder, config, "; resume=never starts anew")
    elif not new and status_of(path):
        check_same(config, path)
        if status_of(path)["status"] == "done":
            return finished(path)
    folder = RunFolder(path)
    if folder.record.get("status") == "done":  # in the meantime
        folder.release()
        return finished(path)
    if folder.record:
        return going_on(folder, config)
    if config.resume == "must":
        folder.release()
        where = f"beside {path} is interrupted" if new else f"is in {path}"
        raise ConfigError(
            f"resume: must, but no run of this configuration and data {where}; "
            "resume=auto starts one"
        )
    return Place(path, folder)


def unfinished(config: Config, path: Path) -> list[Path]:
    """Returns runs beside a folder that were cut off, the newest first."""
    ours, found = config_hash(config), []
    for other in path.parent.iterdir():
        try:
            record = status_of(other)
        except ConfigError:
            continue
        cut_off = record.get("status") in UNFINISHED
        if cut_off and record.get("config_hash") == ours and same_data(config, other):
            found.append((record.get("start", ""), other))
    return [other for _, other in sorted(found, reverse=True)]


def check_same(config: Config, path: Path) -> None:
    """Raises an error unless a folder's run has this configuration and data."""
    if config.resume == "never":
        why = ""
    elif status_of(path).get("config_hash") != config_hash(config):
        why = f"; {config_difference(config, path)}"
    elif not same_data(config, path):
        why = "; the data has changed since"
    else:
        return
    raise ConfigError(
        f"hydra.run.dir: {path} holds a run already; name another folder, or remove "
        f"this one{why}"
    )


def same_data(config: Config, path: Path) -> bool:
    """Whether a run had this data, as far as it had read it."""
    try:
        record = json.loads((path / "environment.json").read_text("utf-8"))
    except (OSError, ValueError):
        return True
    return bool(record["data_hash"] == fingerprint_of(config.dataset))


def going_on(folder: RunFolder, config: Config, hint: str = "") -> Place:
    """Returns the place of an unfinished run, with its newest intact checkpoint."""
    checkpoint, damaged = newest(folder.path)
    if checkpoint is None and config.resume == "must":
        folder.release()
        raise ConfigError(
            f"resume: must, but {folder.path} holds no intact checkpoint; resume=auto "
            "starts its run again"
        )
    where = f"after {described(checkpoint.path)}" if checkpoint else "at its beginning"
    note = f"going on {where} of the unfinished run in {shortest(folder.path)}{hint}"
    return Place(folder.path, folder, checkpoint, tuple(damaged), note)


def finished(path: Path) -> Place:
    """Returns the place of a finished run."""
    shutil.rmtree(path / CHECKPOINTS, ignore_errors=True)  # if it was killed just then
    return Place(path, None)


def tell_finished(config: Config, path: Path) -> None:
    """Says that a run is finished already, and shows its scores."""
    scores = read_scores(path, config.outputs)
    console = Console(Path(os.devnull))
    end = status_of(path).get("end")
    console.line(f"{shortest(path)} holds this run, done at {end}; it is not run again")
    if scores:
        shown = next(split for split in SHOWN if split in scores)
        console.scores(f"{shown} rows", config.outputs, scores[shown])
    console.close()
