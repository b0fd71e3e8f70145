"""Reads the files of a run folder, and finds damaged files."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mtl_cli.comparison.run_settings import compared_settings
from mtl_cli.comparison.runs import Run
from mtl_cli.core.load_yaml import load_yaml
from mtl_cli.core.message_text import printable
from mtl_cli.core.other_files import read_json_object, read_text
from mtl_cli.core.run_status import STATUS, has_ended, is_replaced, is_run_record
from mtl_cli.core.yaml_limits import MAX_YAML_BYTES
from mtl_cli.metrics.metric import Metric
from mtl_cli.metrics.score_dict import COUNTS, Scores, metrics_of
from mtl_cli.tasks._metrics import all_metrics

MAX_NUMBER = 1e100  # larger values count as damage: their squares could overflow
MAX_TASKS = 1000  # a comparison of far more tasks would take minutes


def read_run(folder: Path) -> Run:
    """Reads a run folder.

    If a file is missing or damaged, the status of the run is `damaged`, and `error`
    names the file. `environment.json` may be missing. `metrics.json` is read only if
    the run has trained to its end.
    """
    # The status stays `damaged` until all files are read. A damaged run keeps what was
    # read before: `runs_by_dataset` needs its settings.
    run = Run(folder)
    metrics_by_name = all_metrics()  # an error of a plugin is no damage of the run
    try:
        with reading(STATUS):
            record = read_json_object(folder / STATUS)
            if not is_run_record(record):
                raise ValueError
            run.start = record.get("start", "")
            seconds = record.get("seconds")
            run.seconds = None if seconds is None else float(seconds)
            status = current_status(record)
        with reading("config.yaml"):
            text = read_text(folder / "config.yaml", MAX_YAML_BYTES)
            config = load_yaml(text, "config.yaml")
            run.settings = compared_settings(config)
            seed = config.get("seed", 0)
            run.seed = seed if isinstance(seed, int) else 0
        if (folder / "environment.json").exists():
            with reading("environment.json"):
                environment = read_json_object(folder / "environment.json")
                check_environment(environment)
                run.environment = environment
        if status == "done" and config.get("check_only") is not True:
            with reading("metrics.json"):
                metrics = read_json_object(folder / "metrics.json")
                for scores in metrics.values():
                    check_scores(scores, metrics_by_name)
                run.metrics = metrics
        for file in ("config.yaml", "environment.json", "metrics.json"):
            with reading(file):
                if is_replaced(folder, file, record):
                    run.replaced_files.append(file)
    except DamagedFileError as damage:
        run.error = str(damage)
    else:
        run.status = status
        run.error = printable(record.get("error", ""))
    return run


class DamagedFileError(Exception):
    """A file of a run is missing or damaged. The message names the file."""


@contextlib.contextmanager
def reading(file: str) -> Iterator[None]:
    """Turns any error inside the block into a `DamagedFileError` that names a file."""
    try:
        yield
    except DamagedFileError:
        raise
    except FileNotFoundError:
        raise DamagedFileError(f"has no {file}") from None
    except Exception:  # PyYAML raises a dozen kinds of errors on damaged files.
        raise DamagedFileError(f"{file} is damaged") from None


# The functions below raise an error of any kind if a value is damaged, see `reading`.


def current_status(record: dict[str, Any]) -> str:
    """Returns the recorded status, or `killed` if the process of a running run is gone.

    A run on another machine counts as running: its process cannot be looked for.
    """
    status: str = record["status"]
    on_this_machine = record.get("host") == socket.gethostname()
    if status == "running" and on_this_machine and has_ended(int(record["pid"])):
        return "killed"
    return status


def check_environment(environment: dict[str, Any]) -> None:
    """Checks the values of `environment.json` that a comparison reads."""
    hashes = [environment.get(key) for key in ("data_hash", "git_commit")]
    for key in ("plugins", "pretrained"):
        hashes += environment.get(key, {}).values()
    if not all(isinstance(value, str | None) for value in hashes):
        raise ValueError
    parameters = environment.get("parameters")
    if not isinstance(parameters, int | None) or abs(parameters or 0) > MAX_NUMBER:
        raise ValueError


def check_scores(scores: Scores, metrics: dict[str, list[Metric]]) -> None:
    """Checks the scores of tasks, or of the scenarios of a task: {name: score}.

    A value must be possible for a metric of its name. The metrics of plugins that the
    comparison does not know may have any value.
    """
    if len(scores) > MAX_TASKS:
        raise DamagedFileError(f"metrics.json names more than {MAX_TASKS} tasks")
    for name, score in scores.items():
        for key, value in score.items():
            if not (name + key).isprintable() or isinstance(value, bool):
                raise ValueError
            if key == "why" and not isinstance(value, dict):
                raise ValueError
            if isinstance(value, int | float) and not abs(value) < MAX_NUMBER:
                raise ValueError  # also if the value is NaN
        for key, value in metrics_of(score).items():
            if value is None or key not in metrics:
                continue
            if not any(metric.is_possible(value) for metric in metrics[key]):
                raise ValueError
        for key in COUNTS:
            count = score.get(key, 0)
            if not 0 <= count <= score.get("rows", count):
                raise ValueError
        check_scores(score.get("scenarios", {}), metrics)
