"""Finds run folders and reads what a comparison needs from them."""

import csv
import json
import math
import os
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from mtl_cli.core.errors import ConfigError, printable, visible
from mtl_cli.core.run_folder import has_ended
from mtl_cli.runs.job_records import jobs_without_run_folder
from mtl_cli.runs.provenance import KEYS_FREE_TO_CHANGE

# Keys that cannot change a result, and keys that `Run` holds as attributes.
IGNORED_KEYS = {
    "defaults",
    "hydra",
    "seed",
    "check_only",
    "sweep",
    "tracker",
    "compare",
}
for key, inner_keys in KEYS_FREE_TO_CHANGE.items():
    IGNORED_KEYS |= {key} if inner_keys is True else {f"{key}.{k}" for k in inner_keys}
MAX_VALUES = 20_000  # in one config.yaml
MAX_METRIC = 1e100  # its square is still a finite float
Metrics = dict[str, dict[str, dict[str, Any]]]  # split, task, metric
# libyaml is ten times as fast, but not every build of PyYAML has it.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(eq=False)
class Run:
    """A run folder, as far as comparisons need it.

    Attributes:
        path: the folder.
        status: `done`, `failed`, `interrupted`, `running`, `killed`, or `damaged`.
        error: why the run failed or cannot be read.
        start: the start time in ISO 8601.
        seconds: the duration of the run; None if unknown.
        seed: the seed.
        settings: all settings but the seed: dotted key to text.
        metrics: the metrics by split, task and name.
        environment: versions, hashes and cost, from `environment.json`.
    """

    path: Path
    status: str = "damaged"
    error: str = ""
    start: str = ""
    seconds: float | None = None
    seed: int = 0
    settings: dict[str, str] = field(default_factory=dict)
    metrics: Metrics = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)

    @property
    def scored(self) -> bool:
        """Whether the run is done and has metrics."""
        return self.status == "done" and bool(self.metrics)

    @property
    def key(self) -> frozenset[tuple[str, str]]:
        """The settings, equal for all runs of one configuration."""
        return frozenset(self.settings.items())

    def value(self, split: str, task: str, metric: str) -> float | None:
        """Returns a metric, or None if it is missing or undefined."""
        value = self.metrics.get(split, {}).get(task, {}).get(metric)
        return float(value) if isinstance(value, int | float) else None

    def history(self) -> list[dict[str, str]]:
        """Reads `history.csv`, one row per epoch; empty if there is none."""
        try:
            with (self.path / "history.csv").open(encoding="utf-8", newline="") as file:
                return list(csv.DictReader(file))
        except (OSError, ValueError, csv.Error):
            return []

    def gates(self) -> dict[str, Any] | None:
        """Reads `gates.json`; None if there is none."""
        try:
            gates = read_json(self.path, "gates.json")
        except (OSError, ValueError, RecursionError):
            return None
        return gates if "gates" in gates else None


def read_runs(paths: list[str]) -> list[Run]:
    """Reads all runs at or below the paths, in the order in which they started.

    Raises:
        ConfigError: if a path does not exist, or there is no run.
    """
    folders: dict[Path, None] = {}
    jobs: list[Run] = []
    for path in paths:
        if not path or not Path(path).is_dir():
            raise ConfigError(
                f"{path or repr(path)}: no such folder; give runs, sweeps or outputs/"
            )
        below = find_run_folders(Path(path))
        if not below:
            raise ConfigError(
                f"{path}: no run in it or below; a run folder holds status.json"
            )
        folders |= dict.fromkeys(below)
        sweeps = dict.fromkeys(run.parent for run in below if run != Path(path))
        jobs += [job for sweep in sweeps for job in jobs_that_never_began(sweep)]
    runs = [*map(read_run, folders), *jobs]
    runs = [run for run in runs if run.settings.get("check_only") != "true"]
    if not runs:
        raise ConfigError(f"{paths[0]}: its runs have only checked their data")
    return sorted(runs, key=lambda run: (run.start, natural_order(run.path)))


def find_run_folders(folder: Path) -> list[Path]:
    """Returns the run folders at or below a folder."""
    found = []
    for path, subfolders, files in os.walk(folder):
        if "status.json" in files or "metrics.json" in files:
            found.append(Path(path))
            subfolders.clear()
        subfolders.sort()
    return found


def jobs_that_never_began(sweep: Path) -> list[Run]:
    """Returns the jobs of a sweep that failed before they had a run folder."""
    try:
        jobs = jobs_without_run_folder(sweep)
    except (OSError, ValueError, TypeError):
        return []
    return [
        Run(sweep / job.name, error=f"never began: {visible(job.error)}")
        for job in jobs
    ]


def natural_order(path: Path) -> list[tuple[int, str]]:
    """Returns a sorting key that puts folder 10 after folder 9."""
    return [(int(p) if p.isdecimal() else -1, p) for p in path.parts]


def read_run(folder: Path) -> Run:
    """Reads one run folder; `status` and `error` say if a file is damaged."""
    run = Run(folder)
    name = ""
    try:
        status = read_json(folder, name := "status.json")
        run.start, seconds = str(status.get("start") or ""), status.get("seconds")
        run.seconds = None if seconds is None else float(seconds)
        text = (folder / (name := "config.yaml")).read_text("utf-8")
        config = yaml.load(text, LOADER)
        run.settings = settings_of(config)
        seed = config.get("seed", 0)
        run.seed = seed if isinstance(seed, int) else 0
        if config.get("check_only") is True:
            run.settings["check_only"] = "true"
        environment = folder / (name := "environment.json")
        run.environment = read_json(folder, name) if environment.exists() else {}
        if status.get("status") == "done" and "check_only" not in run.settings:
            run.metrics = checked_metrics(read_json(folder, name := "metrics.json"))
        run.error = printable(str(status.get("error") or ""))
        run.status = printable(str(status.get("status")))
        here = status.get("host") == socket.gethostname()
        if run.status == "running" and here and has_ended(int(status["pid"])):
            run.status = "killed"
    except FileNotFoundError:
        run.error = f"has no {name}"
    except Exception:  # PyYAML raises a dozen kinds of errors on damaged files
        run.error = f"{name} is damaged"
    return run


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """Reads a JSON object."""
    value = json.loads((folder / name).read_text("utf-8"))
    if not isinstance(value, dict):
        raise ValueError(f"{name} is no JSON object")
    return value


def checked_metrics(metrics: dict[str, Any]) -> Metrics:
    """Returns metrics after checking their form: {split: {task: {metric: number}}}."""
    for tasks in metrics.values():
        for task, values in tasks.items():
            for name, value in values.items():
                if not (task + name).isprintable() or isinstance(value, bool):
                    raise ValueError
                if name == "why" and not isinstance(value, dict):
                    raise ValueError
                if isinstance(value, int | float) and not abs(value) < MAX_METRIC:
                    raise ValueError
    return metrics


def settings_of(config: Any) -> dict[str, str]:
    """Returns the settings that a result depends on: dotted key to text.

    Raises:
        ValueError: if the configuration is no mapping, or has too many values: YAML's
            aliases can make a short file endless.
    """
    if not isinstance(config, dict):
        raise ValueError("no mapping")
    settings: dict[str, str] = {}
    num_values = 0

    def count() -> None:
        nonlocal num_values
        num_values += 1
        if num_values > MAX_VALUES:
            raise ValueError("too many values")

    def add(value: Any, key: str) -> None:
        count()
        if isinstance(value, dict) and value:
            for name, inner in value.items():
                inner_key = f"{key}.{name}" if key else str(name)
                if inner_key not in IGNORED_KEYS:
                    add(inner, inner_key)
        else:
            settings[key] = visible(as_text(value))

    def as_text(value: Any) -> str:
        count()
        if isinstance(value, list):
            return f"[{','.join(map(as_text, value))}]"
        if isinstance(value, dict):
            return f"{{{','.join(f'{k}:{as_text(v)}' for k, v in value.items())}}}"
        if isinstance(value, float):
            return f"{value:.12g}"
        if value is None or isinstance(value, bool):
            return "null" if value is None else str(value).lower()
        return str(value)

    add(config, "")
    return settings


def finite_number(text: str | None) -> float | None:
    """Returns a cell of a CSV file as a number; None if it is no finite number."""
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None
