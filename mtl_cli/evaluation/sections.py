"""The tables and sentences of an evaluation, for the terminal and for the page."""

from typing import Any

from mtl_cli.core.message_text import comma_list
from mtl_cli.evaluation.cross_section import cross_section
from mtl_cli.evaluation.feature_drift import (
    LARGE_PSI,
    MODERATE_PSI,
    REPORTED_INCREASE,
    FeatureDrift,
    has_drifted,
)
from mtl_cli.evaluation.results import EvaluationResults
from mtl_cli.evaluation.slice_sections import Section, slice_sections
from mtl_cli.runs.plots import importance_text
from mtl_cli.runs.text_tables import (
    Cells,
    format_share,
    slice_text,
    tables_by_metrics,
    text_with_interval,
)
from mtl_cli.scoring.importance_records import ImportanceRecord
from mtl_cli.scoring.slice_tests import MIN_OF_CLASS

MAX_IMPORTANCE_ROWS = 30  # the largest number of rows in the table of importance
MAX_DRIFT_ROWS = 12  # the largest number of rows in the table of drifting features


def sections(evaluation: EvaluationResults, shorten: bool = False) -> list[Section]:
    """Returns the sections of an evaluation that have a table or a sentence.

    With `shorten`, long tables of slices are left out.
    """
    all_sections = [
        metric_section(evaluation),
        weakest_section(evaluation),
        drift_section(evaluation),
        importance_section(evaluation),
        cross_section(evaluation.cross_records),
        *slice_sections(evaluation, shorten),
    ]
    return [section for section in all_sections if section.tables or section.lines]


def metric_section(evaluation: EvaluationResults) -> Section:
    """Returns the metrics of all tasks. Tasks with the same metrics share a table."""
    rows, lines = [], []
    for task, result in evaluation.tasks.items():
        name = evaluation.name_with_space(task)
        texts = {name: text_with_interval(x) for name, x in result["metrics"].items()}
        rows.append((name, texts, result))
        for metric, reason in result.get("why", {}).items():
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
    record = evaluation.tasks[task]["weakest_slice"]
    if record is None:
        return (
            f"no slice is tested: each has fewer than {MIN_OF_CLASS} rows of a class, "
            "or no interval"
        )
    num_tested = sum(
        r["task"] == task and r["p_corrected"] is not None
        for r in evaluation.slice_records
    )
    start = "weakest slice"
    if not record["surely_weaker"]:
        start = "no slice is surely weaker than the rest; the weakest tested slice"
    return f"{start}: {slice_text(record, num_tested)}"


def drift_section(evaluation: EvaluationResults) -> Section:
    """Returns the drift of predictions, and of the features that drifted most.

    Features whose PSI is unknown are left out.
    """
    predictions: Cells = [["prediction", "psi", "mean", "mean on the run's test rows"]]
    features: list[FeatureDrift] = []
    for record in evaluation.drift_records:
        if record["kind"] == "prediction":
            means = f"{record['mean']:.4f}", f"{record['trained_mean']:.4f}"
            predictions.append([record["name"], f"{record['psi']:.3f}", *means])
        elif record["psi"] is not None:
            features.append(record)
    features.sort(key=lambda record: -(record["psi"] or 0))
    drifting = [record for record in features if has_drifted(record)]
    changes = ["missing", "missing in training", "unseen", "unseen in the run"]
    feature_table = [["feature", "psi", *changes]]
    for r in drifting[:MAX_DRIFT_ROWS]:
        shares = r["missing"], r["trained_missing"], r["unseen"], r["run_unseen"]
        feature_table.append([r["name"], f"{r['psi']:.3f}", *map(format_share, shares)])
    tables = [table for table in (predictions, feature_table) if len(table) > 1]
    lines = [drift_text(features, drifting)] if features else []
    return Section("Drift against training", tables, lines)


def drift_text(features: list[FeatureDrift], drifting: list[FeatureDrift]) -> str:
    """Returns a sentence about the drift of all features, the largest PSI first."""
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
    return (
        f"features with {threshold}: {len(drifting)} of {len(features)}; with a PSI of "
        f"{LARGE_PSI} or more: {num_large}"
    )


def importance_section(evaluation: EvaluationResults) -> Section:
    """Returns the importance of each feature for each task, the most important first.

    The features of a group, each shuffled alone, come after their group.
    """
    result = evaluation.importances
    if not result:
        return Section("Importance", [], [])
    rows: dict[str, dict[str, ImportanceRecord]] = {}  # {features: {task: record}}
    for record in result["features"]:
        rows.setdefault(record["features"], {})[record["task"]] = record
    group = {name: next(iter(row.values()))["group"] for name, row in rows.items()}
    largest = {
        name: max(record["importance"] for record in row.values())
        for name, row in rows.items()
    }

    def sort_key(name: str) -> tuple[float, str, bool]:
        # If the metrics were undefined for the whole group, it has no row.
        owner = group[name] or name
        return -largest.get(owner, largest[name]), owner, owner != name

    measured = {record["task"] for record in result["features"]}
    tasks = [task for task in evaluation.tasks if task in measured]
    cells = [["feature", *map(evaluation.title_with_metric, tasks)]]
    for name in sorted(rows, key=sort_key)[:MAX_IMPORTANCE_ROWS]:
        title = name if group[name] is None else f"  {name} alone"
        row = rows[name]
        texts = [importance_text(row[t]) if t in row else "-" for t in tasks]
        cells.append([title, *texts])
    lines = importance_lines(result, tasks)
    if len(rows) > MAX_IMPORTANCE_ROWS:
        lines.append(f"the JSON file has all {len(rows)} rows")
    return Section("Importance", [cells], lines)


def importance_lines(result: dict[str, Any], tasks: list[str]) -> list[str]:
    """Returns the sentences below the table of importance.

    `result` is what `permutation_importance` returns.
    """
    lines = [
        "importance: how much worse the metric is if the values of the feature are "
        f"shuffled: the mean of {result['repeats']} shufflings of {result['rows']:,} "
        "rows, with a 95 % interval",
        "* marks features that are shown to matter; the test is corrected for the "
        "number of features and tasks (Holm)",
    ]
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
