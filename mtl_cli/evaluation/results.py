"""The results of an evaluation as JSON values, and the checks of `--fail-if`."""

import math
from dataclasses import dataclass, field
from typing import Any

from mtl_cli.core.conditions import Condition, check_known
from mtl_cli.core.errors import ConfigError
from mtl_cli.evaluation.crosses import CrossRecord
from mtl_cli.evaluation.feature_drift import FeatureDrift
from mtl_cli.evaluation.prediction_drift import PredictionDrift
from mtl_cli.metrics.score_dict import name_with_space
from mtl_cli.scoring.slice_scores import SliceRecord


@dataclass(frozen=True, repr=False)
class EvaluationResults:
    """The results of an evaluation, as values that JSON can hold.

    The subclass `Evaluation` shows these results to Python users.
    """

    run: str
    table_name: str
    rows: int
    tasks: dict[str, dict[str, Any]]  # see `task_results`
    # A record for each column, slice and output.
    slice_records: list[SliceRecord] = field(default_factory=list)
    # A record for each feature, and for each output or class.
    drift_records: list[FeatureDrift | PredictionDrift] = field(default_factory=list)
    importances: dict[str, Any] = field(default_factory=dict)  # {} if not measured
    # A record for each pair of columns and output, the highest z first. None if no
    # pairs were tested.
    cross_records: list[CrossRecord] | None = None
    gates: dict[str, Any] = field(default_factory=dict)  # {} without gates
    remarks: list[str] = field(default_factory=list)

    def __repr__(self) -> str:
        rows = f"{self.rows:,} rows of {self.table_name}"
        return f"<Evaluation of {self.run} on {rows}: {', '.join(self.tasks)}>"

    def name_with_space(self, task: str) -> str:
        return name_with_space(task, self.tasks[task])

    def title_with_metric(self, task: str) -> str:
        """Returns a task's name, space and main metric: `buy (click = 1) log loss`."""
        metric = self.tasks[task]["main_metric"].replace("_", " ")
        return f"{self.name_with_space(task)} {metric}"

    def to_dict(self) -> dict[str, Any]:
        """Returns all results as JSON values, with None for NaN and infinity."""
        values = {
            "run": self.run,
            "table": self.table_name,
            "rows": self.rows,
            "tasks": self.tasks,
            "slices": self.slice_records,
            "drift": self.drift_records,
            "importance": self.importances,
            "crosses": self.cross_records,
            "gates": self.gates,
            "remarks": self.remarks,
        }
        return {key: nonfinite_as_none(value) for key, value in values.items()}

    def numbers(self) -> dict[str, float | None]:
        """Returns {dotted name: number} for all numbers that `--fail-if` can check."""
        numbers = {
            f"{task}.{name}": metric["value"]
            for task, result in self.tasks.items()
            for name, metric in result["metrics"].items()
        }
        for record in self.slice_records:
            start = f"{record['task']}.slices.{record['column']}.{record['slice']}"
            for name, value in record["metrics"].items():
                numbers[f"{start}.{name}"] = value
        for drift in self.drift_records:
            for key in ("psi", "missing", "unseen"):
                number = drift.get(key)  # predictions have only a psi
                if isinstance(number, float):
                    numbers[f"{drift['kind']}s.{drift['name']}.{key}"] = number
        return numbers


def nonfinite_as_none(value: Any) -> Any:
    """Returns JSON values with None in place of NaN and infinity."""
    if isinstance(value, dict):
        return {str(key): nonfinite_as_none(x) for key, x in value.items()}
    if isinstance(value, list | tuple):
        return [nonfinite_as_none(x) for x in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def split_known(
    conditions: list[Condition], evaluations: list[EvaluationResults]
) -> tuple[list[Condition], list[str]]:
    """Returns the conditions on known numbers, and errors about unknown numbers."""
    names = [name for evaluation in evaluations for name in evaluation.numbers()]
    known, errors = [], []
    for condition in conditions:
        try:
            check_known(condition, names, "evaluation")
            known.append(condition)
        except ConfigError as error:
            errors.append(str(error))
    return known, errors


def failed_checks(
    conditions: list[Condition], evaluation: EvaluationResults
) -> list[str]:
    """Returns a line for each condition that is true or that cannot be checked."""
    numbers = evaluation.numbers()
    lines = []
    for condition in conditions:
        value = numbers.get(condition.name)
        if value is None:
            problem = f"{condition.name} has no value"
        elif condition.holds(value):
            problem = f"{condition.name} = {value:.6g}"
        else:
            continue
        lines.append(f"--fail-if '{condition.text}': {problem}")
    return lines
