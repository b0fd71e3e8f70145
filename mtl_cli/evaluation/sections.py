"""The tables and sentences of an evaluation, for the terminal and for the page."""

from dataclasses import dataclass, field
from typing import Any

from mtl_cli.core.message_text import comma_list
from mtl_cli.evaluation.feature_drift import (
    LARGE_PSI,
    MODERATE_PSI,
    REPORTED_INCREASE,
    FeatureDrift,
    has_drifted,
)
from mtl_cli.evaluation.prediction_drift import PredictionDrift
from mtl_cli.evaluation.results import EvaluationResults
from mtl_cli.evaluation.slice_sections import Section, slice_sections
from mtl_cli.runs.importance_plots import importance_text
from mtl_cli.runs.text_tables import (
    Cells,
    format_share,
    slice_text,
    tables_by_metrics,
    text_with_interval,
)
from mtl_cli.scoring.importance_records import ImportanceRecord
from mtl_cli.scoring.slice_scores import MIN_OF_CLASS

MAX_IMPORTANCE_ROWS = 30  # the largest number of rows in the table of importance
MAX_DRIFT_ROWS = 12  # the largest number of rows in the table of drifting features


def sections(evaluation: EvaluationResults, shorten: bool = False) -> list[Section]:
    """Returns the sections of an evaluation that have a table or a sentence.

    With `shorten`, long tables of slices name only the weakest slices.
    """
    all_sections = [
        metric_section(evaluation),
        weakest_section(evaluation),
        drift_section(evaluation),
        importance_section(evaluation),
        *slice_sections(evaluation, shorten),
    ]
    return [section for section in all_sections if section.tables or section.lines]


def metric_section(evaluation: EvaluationResults) -> Section:
    """Returns the metrics of all tasks. Tasks with the same metrics share a table."""
    rows, lines = [], []
    for task, result in evaluation.tasks.items():
        texts = {name: text_with_interval(x) for name, x in result["metrics"].items()}
        rows.append((evaluation.name_with_space(task), texts, result))
        for metric, reason in result.get("why", {}).items():
            name = evaluation.name_with_space(task)
            lines.append(f"{name}: {metric} is undefined: {reason}")
    return Section("Metrics", tables_by_metrics(rows), lines)


def weakest_section(evaluation: EvaluationResults) -> Section:
    """Returns one sentence per task about its weakest slice, if there are slices."""
    tasks = evaluation.tasks if evaluation.slice_records else {}
    lines = [
        f"{evaluation.name_with_space(task)}: {weakest_text(evaluation, task)}"
        for task in tasks
    ]
    return Section("Weakest slices", [], lines)


def weakest_text(evaluation: EvaluationResults, task: str) -> str:
    """Returns the end of the sentence about the weakest slice of a task."""
    result = evaluation.tasks[task]
    record = result["weakest_slice"]
    if record is None:
        return f"no slice is tested: none has {needs_of_slice(result)}"
    num_tested = sum(
        r["task"] == task and r["p_corrected"] is not None
        for r in evaluation.slice_records
    )
    description = slice_text(record, num_tested)
    if record["surely_weaker"]:
        return f"weakest slice: {description}"
    which = "only" if num_tested == 1 else "weakest"
    start = "no slice is surely weaker than the rest"
    return f"{start}; the {which} tested slice has {description}"


def needs_of_slice(result: dict[str, Any]) -> str:
    """Returns what a slice needs to be tested, see `score_slice`, as text.

    Args:
        result: the result of a task, see `task_results.task_results`.
    """
    needs = f"a metric with an interval and {MIN_OF_CLASS} rows"
    if "positives" in result:  # the task is binary
        return f"{needs} of each class"
    needs += " with another label than the most frequent one"
    calibration = result["calibration"]
    # With several classes, the mean prediction is None.
    if calibration is not None and calibration["predicted"] is None:
        needs += ", and enough rows of the same classes as the other rows"
    return needs


def drift_section(evaluation: EvaluationResults) -> Section:
    """Returns the drift of predictions, and of the features that drifted most.

    Features whose PSI is unknown are left out.
    """
    predictions, features = [], []
    for record in evaluation.drift_records:
        if record["kind"] == "prediction":
            predictions.append(record)
        elif record["psi"] is not None:
            features.append(record)
    features.sort(key=lambda record: -(record["psi"] or 0))
    drifting = [record for record in features if has_drifted(record)]
    tables = []
    if predictions:
        tables.append(prediction_drift_table(predictions))
    if drifting:
        tables.append(feature_drift_table(drifting[:MAX_DRIFT_ROWS]))
    lines = [drift_text(features, drifting)] if features else []
    return Section("Drift against training", tables, lines)


def prediction_drift_table(records: list[PredictionDrift]) -> Cells:
    """Returns a table with one row per output or class."""
    table = [["prediction", "psi", "mean", "mean on the run's test rows"]]
    for record in records:
        means = f"{record['mean']:.4f}", f"{record['trained_mean']:.4f}"
        table.append([record["name"], f"{record['psi']:.3f}", *means])
    return table


def feature_drift_table(records: list[FeatureDrift]) -> Cells:
    """Returns a table with one row per feature."""
    changes = ["missing", "missing in training", "unseen", "unseen in the run"]
    table = [["feature", "psi", *changes]]
    for record in records:
        fractions = (
            record["missing"],
            record["trained_missing"],
            record["unseen"],
            record["run_unseen"],
        )
        table.append(
            [record["name"], f"{record['psi']:.3f}", *map(format_share, fractions)]
        )
    return table


def drift_text(features: list[FeatureDrift], drifting: list[FeatureDrift]) -> str:
    """Returns a sentence about the drift of all features.

    Args:
        features: the drift of all features, the largest PSI first; no PSI is None.
        drifting: the features that have drifted enough to be reported.
    """
    threshold = (
        f"a PSI of {MODERATE_PSI} or more, or {100 * REPORTED_INCREASE:.0f} percentage "
        "points more empty or unseen cells"
    )
    if not drifting:
        largest = features[0]
        return (
            f"no feature has {threshold}; the largest PSI is {largest['psi']:.3f}, of "
            f"{largest['name']}"
        )
    num_large = sum((record["psi"] or 0) >= LARGE_PSI for record in drifting)
    have = "has" if len(drifting) == 1 else "have"
    large_have = "has" if num_large == 1 else "have"
    return (
        f"{len(drifting)} of {len(features)} features {have} {threshold}; {num_large} "
        f"{large_have} a PSI of {LARGE_PSI} or more"
    )


@dataclass(frozen=True)
class ImportanceRow:
    """A row of the table of importance: features that were shuffled together.

    Attributes:
        features: the names of the features, as one text.
        group: the name of the group if one of its several features was shuffled alone;
            None if all features of the group were shuffled together.
        record_by_task: {task: its record}; a task is missing if its metric was
            undefined after the shufflings.
    """

    features: str
    group: str | None
    record_by_task: dict[str, ImportanceRecord] = field(default_factory=dict)

    @property
    def largest_importance(self) -> float:
        """The largest importance for a task."""
        return max(record["importance"] for record in self.record_by_task.values())

    def cells(self, tasks: list[str]) -> list[str]:
        """Returns the cells of the row, with one column per task."""
        name = self.features if self.group is None else f"  {self.features} alone"
        records = [self.record_by_task.get(task) for task in tasks]
        return [name, *("-" if r is None else importance_text(r) for r in records)]


def importance_section(evaluation: EvaluationResults) -> Section:
    """Returns the importance of each feature for each task."""
    result = evaluation.importances
    if not result:
        return Section("Importance", [], [])
    records: list[ImportanceRecord] = result["features"]
    rows = importance_rows(records)
    measured_tasks = {record["task"] for record in records}
    tasks = [task for task in evaluation.tasks if task in measured_tasks]
    cells = [["feature", *map(evaluation.title_with_metric, tasks)]]
    cells += [row.cells(tasks) for row in rows[:MAX_IMPORTANCE_ROWS]]
    num_left_out = max(0, len(rows) - MAX_IMPORTANCE_ROWS)
    return Section("Importance", [cells], importance_lines(result, tasks, num_left_out))


def importance_rows(records: list[ImportanceRecord]) -> list[ImportanceRow]:
    """Returns the rows of the table of importance, the most important first.

    The features of a group, each shuffled alone, come after their group.
    """
    row_by_features: dict[str, ImportanceRow] = {}
    for record in records:
        new_row = ImportanceRow(record["features"], record["group"])
        row = row_by_features.setdefault(record["features"], new_row)
        row.record_by_task[record["task"]] = record

    def sort_key(row: ImportanceRow) -> tuple[float, str, bool]:
        if row.group is None:
            return -row.largest_importance, row.features, False
        # If the metrics were undefined for the whole group, it has no row.
        group_row = row_by_features.get(row.group, row)
        return -group_row.largest_importance, row.group, True

    return sorted(row_by_features.values(), key=sort_key)


def importance_lines(
    result: dict[str, Any], tasks: list[str], num_left_out: int
) -> list[str]:
    """Returns the sentences below the table of importance.

    Args:
        result: see `permutation_importance`.
        tasks: the tasks in the table.
        num_left_out: the number of rows that the table leaves out.
    """
    lines = [
        "importance: how much worse the metric is if the values of the feature are "
        f"shuffled: the mean of {result['repeats']} shufflings of {result['rows']:,} "
        "rows, with a 95 % interval",
        "* marks features that are shown to matter; the test is corrected for the "
        "number of features and tasks (Holm)",
    ]
    scored = result["scored_rows"]
    if fewer := [f"{t} {n:,}" for t, n in scored.items() if n < result["rows"]]:
        lines.append(
            f"of these rows, some outputs are scored on fewer: {comma_list(fewer)}"
        )
    if num_left_out > 0:
        rows = "1 more row is" if num_left_out == 1 else f"{num_left_out} more rows are"
        lines.append(f"{rows} in the JSON file")
    for group in result["groups"]:
        lines.append(f"shuffled together: {'; '.join(group['reasons'])}")
    for task in tasks:
        only_here = [name for name, t in result["only_one_task"].items() if t == task]
        if only_here:
            lines.append(f"shown to matter to {task} alone: {comma_list(only_here)}")
    if result["without_effect"]:
        names = comma_list(result["without_effect"])
        lines.append(f"not shown to matter to any task: {names}")
    return lines
