"""Decides what a command does in a folder that may already hold a run."""

from enum import Enum, auto
from pathlib import Path
from typing import Any

from mtl_cli.config.run_config import Config
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.other_files import read_json_object
from mtl_cli.data.load import hash_rows
from mtl_cli.runs.provenance import (
    changed_plugins,
    config_difference_message,
    config_hash,
)
from mtl_cli.training.checkpoint import checkpoint_files


class Decision(Enum):
    """The possible actions of a command in a folder."""

    NEW = auto()  # start a run; the folder holds no run
    REPLACE = auto()  # start a run in place of the run in the folder
    RESUME = auto()  # resume the run in the folder
    FINISHED = auto()  # do nothing; the requested run is in the folder, and is done


def decide(config: Config, path: Path, record: dict[str, Any]) -> Decision:
    """Decides what a command does in the folder `path`.

    `record` is the content of the folder's `status.json`; {} if there is no such file.

    - A new run starts in a folder without a run.
    - A run of the same configuration, data and plugins is resumed, unless it is done.
    - A run that ended before its first checkpoint is replaced by a run of another
      configuration, data or plugin: nothing of value is lost.
    - Any other run is neither resumed nor replaced; the command is refused.

    With `resume=never`, every run counts as a run of another configuration. With
    `resume=must`, a command that would start a new run is refused.
    """
    if record:
        reason = reason_not_to_resume(config, path, record)
        if reason is None:
            is_done = record["status"] == "done"
            return Decision.FINISHED if is_done else Decision.RESUME
        # A killed run has not ended: its status is still "running".
        has_ended = record["status"] in ("failed", "interrupted")
        if not has_ended or checkpoint_files(path):
            raise ConfigError(reason)
    if config.resume == "must":
        raise nothing_to_resume_error(f"is in {path}")
    return Decision.REPLACE if record else Decision.NEW


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
    if names := changed_plugins(config, path):
        return f"the code of the plugin of {names} has changed since this run began"
    return ""
