"""The tables and sentences of an evaluation, for the terminal and for the page."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from mtl_cli.comparison.formats import comma_list
from mtl_cli.evaluation.drift import LARGE, MODERATE, MORE_CELLS, has_moved
from mtl_cli.evaluation.evaluation import Evaluation
from mtl_cli.metrics.scores import title_of
from mtl_cli.runs.data_tables import format_share
from mtl_cli.runs.importance_plots import importance_text
from mtl_cli.runs.score_table import (
    Cells,
    format_count,
    tables_by_metrics,
    text_with_interval,
)
from mtl_cli.runs.slice_texts import slice_text

MAX_FEATURES = 30  # in the table of importance
MAX_DRIFTS = 12
TASKS_BESIDE = 2  # in one table of slices


@dataclass(frozen=True)
class Section:
    """A part of an evaluation.

    Attributes:
        title: the heading.
        tables: the tables; the first row of each is its header.
        lines: sentences below the tables.
    """

    title: str
    tables: list[Cells] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


def sections(evaluation: Evaluation) -> list[Section]:
    """Returns the parts of an evaluation that hold anything."""
    parts = [
        metric_section(evaluation),
        weakest_section(evaluation),
        drift_section(evaluation),
        importance_section(evaluation),
        *slice_sections(evaluation),
    ]
    return [section for section in parts if section.tables or section.lines]


def metric_section(evaluation: Evaluation) -> Section:
    """Returns the metrics of all tasks; one table for tasks with the same metrics."""
    rows, lines = [], []
    for task, result in evaluation.tasks.items():
        texts = {name: text_with_interval(x) for name, x in result["metrics"].items()}
        rows.append((title_of(task, result), texts, result))
        for metric, reason in result.get("why", {}).items():
            lines.append(f"{task}: {metric} is undefined: {reason}")
    return Section("Metrics", tables_by_metrics(rows), lines)


def slice_sections(evaluation: Evaluation) -> Iterator[Section]:
    """Yields the slices by each column."""
    columns = dict.fromkeys(record["column"] for record in evaluation.slice_records)
    tasks = list(evaluation.tasks)
    for column in columns:
        records = [r for r in evaluation.slice_records if r["column"] == column]
        pairs = [
            tasks[i : i + TASKS_BESIDE] for i in range(0, len(tasks), TASKS_BESIDE)
        ]
        tables = [
            slice_table(evaluation, column, [r for r in records if r["task"] in pair])
            for pair in pairs
        ]
        yield Section(f"By {column}", tables)


def weakest_section(evaluation: Evaluation) -> Section:
    """Returns a sentence on the weakest slice of each task, if there are slices."""
    tasks = evaluation.tasks if evaluation.slice_records else {}
    lines = [
        f"{title_of(task, tasks[task])}: {weakest_text(evaluation, task)}"
        for task in tasks
    ]
    return Section("Weakest slices", lines=lines)


def slice_table(
    evaluation: Evaluation, column: str, records: list[dict[str, Any]]
) -> Cells:
    """Returns one row per slice; tasks lie side by side."""
    header, rows = [column], dict[str, list[str]]()
    for record in records:
        task = title_of(record["task"], evaluation.tasks[record["task"]])
        title = f"{task} {record['metric'].replace('_', ' ')}"
        if title not in header:
            header += [title, "predicted/actual", "rows", "positives"]
        ratio = "-" if record["ratio"] is None else f"{record['ratio']:.3f}"
        rows.setdefault(record["slice"], [record["slice"]]).extend(
            [
                text_with_interval(record),
                ratio,
                format_count(record["rows"]),
                format_count(record["positives"]),
            ]
        )
    return [header, *rows.values()]


def weakest_text(evaluation: Evaluation, task: str) -> str:
    """Returns a sentence about the weakest slice of a task."""
    record = evaluation.tasks[task]["weakest_slice"]
    if record is None:
        return "no slice has enough rows of each class for a test"
    records = [r for r in evaluation.slice_records if r["task"] == task]
    number = sum(r["p_corrected"] is not None for r in records)
    values = slice_text(record, number)
    if record["surely_weaker"]:
        return f"weakest slice: {values}"
    return f"no slice is surely weaker than the rest; the lowest has {values}"


def drift_section(evaluation: Evaluation) -> Section:
    """Returns the predictions, and the features that moved most."""
    with_psi = [r for r in evaluation.drift_records if r["psi"] is not None]
    predictions = [r for r in with_psi if r["kind"] == "prediction"]
    features = [r for r in with_psi if r["kind"] == "feature"]
    features.sort(key=lambda record: -record["psi"])
    drifting = [record for record in features if has_moved(record)]
    of_predictions = [["prediction", "psi", "mean", "mean on the run's test rows"]]
    for r in predictions:
        means = f"{r['mean']:.4f}", f"{r['trained_mean']:.4f}"
        of_predictions.append([r["name"], f"{r['psi']:.3f}", *means])
    of_features = [["feature", "psi", "missing", "in training", "unseen", "in the run"]]
    shares = ("missing", "trained_missing", "unseen", "trained_unseen")
    for r in drifting[:MAX_DRIFTS]:
        row = [r["name"], f"{r['psi']:.3f}", *(format_share(r[key]) for key in shares)]
        of_features.append(row)
    tables = [cells for cells in (of_predictions, of_features) if len(cells) > 1]
    lines = [drift_text(features, drifting)] if features else []
    return Section("Drift against training", tables, lines)


def drift_text(features: list[dict[str, Any]], drifting: list[dict[str, Any]]) -> str:
    """Returns a sentence about the features with the largest drift."""
    sign = (
        f"a PSI of {MODERATE} or more, or {MORE_CELLS:.0%} more empty or unseen cells"
    )
    if not drifting:
        largest = features[0]
        return (
            f"no feature has {sign}; the largest PSI is {largest['psi']:.3f}, of "
            f"{largest['name']}"
        )
    much = sum(record["psi"] >= LARGE for record in drifting)
    return (
        f"{len(drifting)} of {len(features)} features have {sign}; {much} have a PSI "
        f"of {LARGE} or more"
    )


def importance_section(evaluation: Evaluation) -> Section:
    """Returns how much worse each task is without each feature."""
    result = evaluation.importances
    if not result:
        return Section("Importance")
    tasks = list(dict.fromkeys(r["task"] for r in result["features"]))
    metrics = [evaluation.tasks[t]["main_metric"].replace("_", " ") for t in tasks]
    titles = [title_of(t, evaluation.tasks[t]) for t in tasks]
    header = ["feature", *(f"{t} {m}" for t, m in zip(titles, metrics, strict=True))]
    rows: dict[str, list[dict[str, Any]]] = {}
    for record in result["features"]:
        rows.setdefault(record["features"], []).append(record)

    def size(records: list[dict[str, Any]]) -> tuple[float, str]:
        group = records[0]["group"] or records[0]["features"]
        return -max(r["importance"] for r in rows[group]), group

    # A feature of a group follows its group.
    shown = sorted(rows.values(), key=lambda r: (*size(r), r[0]["group"] is not None))
    cells = [header]
    for records in shown[:MAX_FEATURES]:
        name = records[0]["features"]
        name = f"  {name} alone" if records[0]["group"] else name
        cells.append([name, *(importance_text(record) for record in records)])
    lines = [
        f"worse by, if the values are shuffled: mean of {result['repeats']} shufflings "
        f"of {result['rows']:,} rows; * where the 95 % interval lies above 0"
    ]
    if len(shown) > MAX_FEATURES:
        lines.append(f"{len(shown) - MAX_FEATURES} more rows are in the JSON file")
    for group in result["groups"]:
        lines.append(f"permuted together: {'; '.join(group['reasons'])}")
    for task in tasks:
        only_here = [name for name, t in result["only_one_task"].items() if t == task]
        if only_here:
            lines.append(f"only {task} uses: {comma_list(only_here)}")
    if result["without_effect"]:
        lines.append(f"no task uses: {comma_list(result['without_effect'])}")
    return Section("Importance", [cells], lines)
