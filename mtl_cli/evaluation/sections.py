"""The tables and sentences of an evaluation, for the terminal and for the page.

A record is a dict of numbers about one thing, such as the drift of a feature, see the
attributes of `EvaluationResults`.
"""

from typing import Any

from mtl_cli.core.message_text import comma_list
from mtl_cli.evaluation.feature_drift import (
    LARGE_PSI,
    MODERATE_PSI,
    REPORTED_INCREASE,
    has_drifted,
)
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
            lines.append(f"{task}: {metric} is undefined: {reason}")
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
    record = evaluation.tasks[task]["weakest_slice"]
    if record is None:
        return "no slice has enough rows of each class for a test"
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


def drift_section(evaluation: EvaluationResults) -> Section:
    """Returns the drift of predictions, and of the features that drifted most.

    Records whose PSI is unknown are left out.
    """
    records = [r for r in evaluation.drift_records if r["psi"] is not None]
    predictions = [r for r in records if r["kind"] == "prediction"]
    features = [r for r in records if r["kind"] == "feature"]
    features.sort(key=lambda record: -record["psi"])
    drifting = [record for record in features if has_drifted(record)]
    tables = []
    if predictions:
        tables.append(prediction_drift_table(predictions))
    if drifting:
        tables.append(feature_drift_table(drifting[:MAX_DRIFT_ROWS]))
    lines = [drift_text(features, drifting)] if features else []
    return Section("Drift against training", tables, lines)


def prediction_drift_table(records: list[dict[str, Any]]) -> Cells:
    """Returns a table with one row per output or class."""
    table = [["prediction", "psi", "mean", "mean on the run's test rows"]]
    for record in records:
        means = f"{record['mean']:.4f}", f"{record['trained_mean']:.4f}"
        table.append([record["name"], f"{record['psi']:.3f}", *means])
    return table


def feature_drift_table(records: list[dict[str, Any]]) -> Cells:
    """Returns a table with one row per feature."""
    table = [["feature", "psi", "missing", "in training", "unseen", "in the run"]]
    keys = ("missing", "trained_missing", "unseen", "run_unseen")
    for record in records:
        shares = [format_share(record[key]) for key in keys]
        table.append([record["name"], f"{record['psi']:.3f}", *shares])
    return table


def drift_text(features: list[dict[str, Any]], drifting: list[dict[str, Any]]) -> str:
    """Returns a sentence about the drift of all features.

    Args:
        features: the records of all features, the largest PSI first.
        drifting: the records of the features that have drifted enough to be reported.
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
    num_large = sum(record["psi"] >= LARGE_PSI for record in drifting)
    have = "has" if len(drifting) == 1 else "have"
    large_have = "has" if num_large == 1 else "have"
    return (
        f"{len(drifting)} of {len(features)} features {have} {threshold}; {num_large} "
        f"{large_have} a PSI of {LARGE_PSI} or more"
    )


def importance_section(evaluation: EvaluationResults) -> Section:
    """Returns the importance of each feature for each task."""
    result = evaluation.importances
    if not result:
        return Section("Importance", [], [])
    rows = most_important_first(result["features"])
    tasks = list(dict.fromkeys(record["task"] for record in result["features"]))
    cells = [["feature", *map(evaluation.title_with_metric, tasks)]]
    for records in rows[:MAX_IMPORTANCE_ROWS]:
        name = records[0]["features"]
        if records[0]["group"]:  # a feature of this group, shuffled alone
            name = f"  {name} alone"
        cells.append([name, *map(importance_text, records)])
    num_left_out = max(0, len(rows) - MAX_IMPORTANCE_ROWS)
    return Section("Importance", [cells], importance_lines(result, tasks, num_left_out))


def most_important_first(records: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Returns the records of each row of the table of importance, one per task.

    Groups of features are sorted by their largest importance for a task. A feature that
    is in no group is sorted like a group. The features of a group, each shuffled alone,
    come after their group.
    """
    rows: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        rows.setdefault(record["features"], []).append(record)

    def sort_key(row: list[dict[str, Any]]) -> tuple[float, str, bool]:
        group = row[0]["group"] or row[0]["features"]
        largest = max(record["importance"] for record in rows[group])
        return -largest, group, row[0]["group"] is not None

    return sorted(rows.values(), key=sort_key)


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
        f"shuffled, the mean of {result['repeats']} shufflings of {result['rows']:,} "
        "rows, with a 95 % interval; * marks features that are shown to matter, by a "
        "test that is corrected for the number of features and tasks (Holm)"
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
