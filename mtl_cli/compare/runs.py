"""Finds run folders and reads what a comparison needs of them."""

import csv
import json
import os
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from mtl_cli.core.errors import ConfigError, printable, visible
from mtl_cli.core.run_folder import has_ended
from mtl_cli.runs.job_records import jobs_without_run_folder
from mtl_cli.runs.provenance import NEUTRAL

# Settings that no result depends on, or that are told apart.
ASIDE = {"defaults", "hydra", "seed", "check_only", "sweep", "tracker", "compare"}
ASIDE |= {key for key, names in NEUTRAL.items() if names is True}
ASIDE |= {f"{k}.{n}" for k, ns in NEUTRAL.items() if ns is not True for n in ns}
MOST_VALUES = 20_000  # of one configuration
LARGEST = 1e100  # metric: its square is a number too
Metrics = dict[str, dict[str, dict[str, Any]]]
# The C loader is ten times as fast; a Python built without it has the other.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(eq=False)
class Run:
    """One run folder.

    Attributes:
        path: of the folder.
        status: `done`, `failed`, `interrupted`, `running`, `killed`, or `damaged`.
        error: why it failed or cannot be read.
        start: when, ISO 8601.
        seconds: that it took; None if that is not known.
        seed: of the run.
        settings: the others, dotted key to the value as text.
        metrics: split, task, metric.
        environment: versions, hashes, cost.
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
        """Whether it is done and has metrics."""
        return self.status == "done" and bool(self.metrics)

    @property
    def key(self) -> frozenset[tuple[str, str]]:
        """What runs of one configuration have in common, in whatever order."""
        return frozenset(self.settings.items())

    def value(self, split: str, task: str, metric: str) -> float | None:
        """Returns a metric, or None where it is missing or undefined."""
        found = self.metrics.get(split, {}).get(task, {}).get(metric)
        return float(found) if isinstance(found, int | float) else None

    def history(self) -> list[dict[str, str]]:
        """Reads `history.csv`, a row an epoch; empty if there is none."""
        try:
            with (self.path / "history.csv").open(encoding="utf-8", newline="") as file:
                return list(csv.DictReader(file))
        except (OSError, ValueError, csv.Error):
            return []

    def gates(self) -> dict[str, Any] | None:
        """Reads `gates.json`; None if there is none."""
        try:
            found = json.loads((self.path / "gates.json").read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) and "gates" in found else None


def read_runs(paths: list[str]) -> list[Run]:
    """Reads all runs at or below the paths, in the order in which they started.

    Raises:
        ConfigError: if a path does not exist, or there is no run.
    """
    folders: dict[Path, None] = {}
    lost: list[Run] = []
    for path in paths:
        if not path or not Path(path).is_dir():
            raise ConfigError(
                f"{path or repr(path)}: no such folder; give runs, sweeps or outputs/"
            )
        found = find(Path(path))
        if not found:
            raise ConfigError(
                f"{path}: no run in it or below; a run folder holds status.json"
            )
        folders |= dict.fromkeys(found)
        sweeps = dict.fromkeys(run.parent for run in found if run != Path(path))
        lost += [job for sweep in sweeps for job in never_begun(sweep)]
    runs = [*map(read, folders), *lost]
    runs = [run for run in runs if run.settings.get("check_only") != "true"]
    if not runs:
        raise ConfigError(f"{paths[0]}: its runs have only checked their data")
    return sorted(runs, key=lambda run: (run.start, natural(run.path)))


def find(folder: Path) -> list[Path]:
    """Returns the run folders at or below a folder."""
    found = []
    for place, folders, files in os.walk(folder):
        if "status.json" in files or "metrics.json" in files:
            found.append(Path(place))
            folders.clear()
        folders.sort()
    return found


def never_begun(sweep: Path) -> list[Run]:
    """Returns the jobs of a sweep that failed before they had a folder."""
    try:
        jobs = jobs_without_run_folder(sweep)
    except (OSError, ValueError, TypeError):
        return []
    return [
        Run(sweep / job.name, error=f"never began: {visible(job.error)}")
        for job in jobs
    ]


def natural(path: Path) -> list[tuple[int, str]]:
    """Returns a key that puts 10 after 9."""
    return [(int(p) if p.isdecimal() else -1, p) for p in path.parts]


def read(folder: Path) -> Run:
    """Reads one run; what is damaged is told by its status and error."""
    run = Run(folder)
    name = ""
    try:
        status = record(folder, name := "status.json")
        run.start, seconds = str(status.get("start") or ""), status.get("seconds")
        run.seconds = None if seconds is None else float(seconds)
        config = load_yaml(folder, name := "config.yaml")
        seed = config.get("seed", 0)
        run.seed = seed if isinstance(seed, int) else 0
        run.settings = settings(config)
        if config.get("check_only") is True:
            run.settings["check_only"] = "true"
        environment = folder / (name := "environment.json")
        run.environment = record(folder, name) if environment.exists() else {}
        if status.get("status") == "done" and "check_only" not in run.settings:
            run.metrics = scores(record(folder, name := "metrics.json"))
        run.error = printable(str(status.get("error") or ""))
        run.status = printable(str(status.get("status")))
        if run.status == "running" and killed(status):
            run.status = "killed"
    except FileNotFoundError:
        run.error = f"has no {name}"
    except Exception:  # PyYAML has a dozen ways to stumble over damage
        run.error = f"{name} is damaged"
    return run


def killed(status: dict[str, Any]) -> bool:
    """Whether the process of a run that is under way has gone, on this machine."""
    here = status.get("host") == socket.gethostname()
    return here and has_ended(int(status["pid"]))


def record(folder: Path, name: str) -> dict[str, Any]:
    """Reads a JSON object."""
    found = json.loads((folder / name).read_text("utf-8"))
    if not isinstance(found, dict):
        raise ValueError
    return found


def load_yaml(folder: Path, name: str) -> dict[str, Any]:
    """Reads a YAML mapping."""
    found = yaml.load((folder / name).read_text("utf-8"), LOADER)
    if not isinstance(found, dict):
        raise ValueError
    return found


def scores(found: dict[str, Any]) -> Metrics:
    """Returns metrics if they are split, task, metric, and numbers that can be."""
    for tasks in found.values():
        for task, metrics in tasks.items():
            for name, value in metrics.items():
                if not (task + name).isprintable() or isinstance(value, bool):
                    raise ValueError
                if name == "why" and not isinstance(value, dict):
                    raise ValueError
                if isinstance(value, int | float) and not abs(value) < LARGEST:
                    raise ValueError
    return found


def settings(config: dict[str, Any]) -> dict[str, str]:
    """Returns the settings that a result depends on, dotted key to text."""
    found: dict[str, str] = {}
    values = 0

    def walk(value: Any, key: str) -> None:
        nonlocal values
        values += 1
        if values > MOST_VALUES:  # YAML's aliases can make a short file endless
            raise ValueError
        if isinstance(value, dict) and value:
            for name, inner in value.items():
                inside = f"{key}.{name}" if key else str(name)
                if inside not in ASIDE:
                    walk(inner, inside)
        else:
            found[key] = text(value)

    def text(value: Any) -> str:
        return visible(plain(value))

    def plain(value: Any) -> str:
        nonlocal values
        values += 1
        if values > MOST_VALUES:
            raise ValueError
        if isinstance(value, list):
            return f"[{','.join(map(plain, value))}]"
        if isinstance(value, dict):
            return f"{{{','.join(f'{k}:{plain(v)}' for k, v in value.items())}}}"
        if isinstance(value, float):
            return f"{value:.12g}"
        names = {None: "null", True: "true", False: "false"}
        simple = value is None or isinstance(value, bool)
        return names[value] if simple else str(value)

    walk(config, "")
    return found
