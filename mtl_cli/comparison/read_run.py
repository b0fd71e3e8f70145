"""Reads the files of a run folder, and finds damaged files."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from mtl_cli.comparison.run_settings import compared_settings
from mtl_cli.comparison.runs import Run
from mtl_cli.core.message_text import printable
from mtl_cli.core.other_files import read_json_object, read_text
from mtl_cli.core.run_status import has_ended
from mtl_cli.core.yaml_limits import MAX_YAML_BYTES, check_yaml
from mtl_cli.metrics.score_dict import Scores

MAX_NUMBER = 1e100  # larger values count as damage: their squares could overflow


def read_run(folder: Path) -> Run:
    """Reads a run folder.

    If a file is missing or damaged, the status of the run is `damaged`, and `error`
    names the file.
    """
    run = Run(folder)
    try:
        with named_damage("status.json"):
            status, error = read_status(run)
        with named_damage("config.yaml"):
            only_checked = read_settings(run)
        if (folder / "environment.json").exists():
            with named_damage("environment.json"):
                environment = read_json_object(folder / "environment.json")
                check_environment(environment)
                run.environment = environment
        if status == "done" and not only_checked:
            with named_damage("metrics.json"):
                metrics = read_json_object(folder / "metrics.json")
                for scores in metrics.values():
                    check_scores(scores)
                run.metrics = metrics
    except DamagedFileError as damage:
        run.error = str(damage)
        return run
    run.status, run.error = status, error
    return run


class DamagedFileError(Exception):
    """A file of a run is missing or damaged. The message names the file."""


@contextlib.contextmanager
def named_damage(file: str) -> Iterator[None]:
    """Turns any error of reading a file into a `DamagedFileError`."""
    try:
        yield
    except FileNotFoundError:
        raise DamagedFileError(f"has no {file}") from None
    except Exception:  # PyYAML raises a dozen kinds of errors on damaged files.
        raise DamagedFileError(f"{file} is damaged") from None


def read_status(run: Run) -> tuple[str, str]:
    """Reads `status.json` into a run; returns the status and the error.

    The caller sets these two after it has read all files: until then, the status of the
    run is `damaged`.
    """
    record = read_json_object(run.path / "status.json")
    run.start = str(record.get("start") or "")
    seconds = record.get("seconds")
    run.seconds = None if seconds is None else float(seconds)
    status = printable(str(record.get("status")))
    on_this_machine = record.get("host") == socket.gethostname()
    if status == "running" and on_this_machine and has_ended(int(record["pid"])):
        status = "killed"
    return status, printable(str(record.get("error") or ""))


def read_settings(run: Run) -> bool:
    """Reads `config.yaml` into a run; returns whether the run only checked its data."""
    text = read_text(run.path / "config.yaml", MAX_YAML_BYTES)
    check_yaml(text, "config.yaml")
    config = yaml.load(text, yaml.CSafeLoader)
    run.settings = compared_settings(config)
    seed = config.get("seed", 0)
    run.seed = seed if isinstance(seed, int) else 0
    only_checked = config.get("check_only") is True
    if only_checked:  # `compared_settings` leaves this key out.
        run.settings["check_only"] = "true"
    return only_checked


def check_environment(environment: dict[str, Any]) -> None:
    """Raises an error of any kind if a value that a comparison reads is damaged."""
    hashes = [environment.get(key) for key in ("data_hash", "git_commit")]
    hashes += environment.get("plugins", {}).values()
    parameters = environment.get("parameters")
    if not all(isinstance(value, str | None) for value in hashes):
        raise ValueError
    if not isinstance(parameters, int | None) or abs(parameters or 0) > MAX_NUMBER:
        raise ValueError


def check_scores(scores: Scores) -> None:
    """Checks the scores of tasks, or of the scenarios of a task: {name: score}.

    Raises:
        Exception: if the scores are damaged. The error can be of any kind.
    """
    for name, score in scores.items():
        for key, value in score.items():
            if not (name + key).isprintable() or isinstance(value, bool):
                raise ValueError
            if key == "why" and not isinstance(value, dict):
                raise ValueError
            if isinstance(value, int | float) and not abs(value) < MAX_NUMBER:
                raise ValueError
        check_scores(score.get("scenarios", {}))
