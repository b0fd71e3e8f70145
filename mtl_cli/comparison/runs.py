"""The content of a run folder that a comparison needs. `read_run.py` reads it."""

import csv
import io
import math
import statistics
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from mtl_cli.core.nested import flatten
from mtl_cli.core.other_files import read_text
from mtl_cli.metrics.score_dict import Score as RecordedScore
from mtl_cli.metrics.score_dict import Scores
from mtl_cli.runs.saved_config import read_config

NEVER_BEGAN = "never began"  # the status of a job that failed before it had a folder
# The number of weights of the network, the duration of the whole run, the speed of
# training, and the epoch whose weights were kept.
TRAINING_FACTS = ("parameters", "seconds", "samples_per_second", "best_epoch")


@dataclass(eq=False)
class Run:
    """The content of a run folder that a comparison needs.

    Attributes:
        status: `done`, `failed`, `interrupted`, `running` or `killed`; `damaged` if a
            file of the run is missing or damaged; `NEVER_BEGAN` if there is no folder.
        error: why the run failed or cannot be read; "" if there is no error.
        start: the start time in ISO 8601.
        seconds: the duration of the run; None if unknown.
        settings: see `compared_settings`.
        metrics: the scores by split and task, from `metrics.json`.
        environment: versions, hashes and sizes, from `environment.json`.
        replaced_files: the files that have changed since the run ended.
        day: the number of the run's day in a line, from 1; 0 outside of lines. A line
            is a chain of runs, one per day, see `comparison/lines.py`.
        is_in_line: whether the run starts from an earlier run (`start_from`), or a
            later run starts from this run.
    """

    path: Path
    status: str = "damaged"
    error: str = ""
    start: str = ""
    seconds: float | None = None
    seed: int = 0
    settings: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, Scores] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    replaced_files: list[str] = field(default_factory=list)
    day: int = 0
    is_in_line: bool = False

    @property
    def replicate(self) -> int:
        """The day of a run in a line, or the seed of any other run."""
        return self.day or self.seed

    @cached_property
    def config(self) -> dict[str, Any]:
        """The whole `config.yaml`, see `read_config`; read once, at the first use."""
        return read_config(self.path)

    @property
    def is_readable(self) -> bool:
        """Whether there is a run folder, and all its files could be read."""
        return self.status not in ("damaged", NEVER_BEGAN)

    @property
    def has_scores(self) -> bool:
        """Whether the run is done and has metrics."""
        return self.status == "done" and bool(self.metrics)

    def score(self, split: str, task: str, scenario: str = "") -> RecordedScore:
        """Returns the recorded score of a task on the rows of a scenario, or on all.

        The score is {} if there is none.
        """
        score = self.metrics.get(split, {}).get(task, {})
        if not scenario:
            return score
        scenario_score: RecordedScore = score.get("scenarios", {}).get(scenario, {})
        return scenario_score

    def flat_scores(self, scenarios: bool = False) -> dict[str, float | None]:
        """Returns the metrics and counts on all rows, {SPLIT.TASK.METRIC: value}.

        With `scenarios`, those on the rows of each scenario are added, under the names
        `SPLIT.TASK.scenarios.SCENARIO.METRIC`.
        """
        values = {
            f"{split}.{task}.{key}": value
            for split, scores in self.metrics.items()
            for task, score in scores.items()
            for key, value in score.items()
            if scenarios or key != "scenarios"
        }
        return {
            name: None if value is None else float(value)
            for name, value in flatten(values).items()
            if value is None or isinstance(value, int | float)
        }

    def training_facts(self) -> dict[str, float | None]:
        """Returns the `TRAINING_FACTS`, {name: value}; None for an unknown value."""
        # With lazy embedding tables or several processes, the first epoch includes
        # compiling. So its speed counts only if there is no other epoch.
        timed_epochs = self.history[1:] or self.history
        speeds = [finite_number(row.get("samples_per_second")) for row in timed_epochs]
        known_speeds = [speed for speed in speeds if speed is not None]
        # Without early stopping, the weights of the last epoch are kept.
        stops_early = self.settings.get("trainer.patience") != "null"
        kept_epoch = None
        for row in self.history:
            if row.get("best") == "True" or not stops_early:
                kept_epoch = finite_number(row.get("epoch"))
        return {
            "parameters": self.environment.get("parameters"),
            "seconds": self.seconds,
            "samples_per_second": (
                statistics.median(known_speeds) if known_speeds else None
            ),
            "best_epoch": None if kept_epoch is None else int(kept_epoch),
        }

    @cached_property
    def history(self) -> list[dict[str, str]]:
        """The rows of `history.csv`, one per epoch; [] if the file is unreadable."""
        try:
            text = read_text(self.path / "history.csv")
            return list(csv.DictReader(io.StringIO(text)))
        except (OSError, ValueError, csv.Error):
            return []


def finite_number(text: str | None) -> float | None:
    """Converts a text to a number; returns None if it is not a finite number."""
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None
