"""The HTML page of an evaluation: tables, calibration plots and gates."""

from dataclasses import dataclass, replace
from typing import Any

from mtl_cli.core.secrets import mask_secrets
from mtl_cli.evaluation.evaluation import Evaluation
from mtl_cli.evaluation.sections import importance_text, sections, text_with_interval
from mtl_cli.metrics.scores import title_of
from mtl_cli.pages.charts import Chart
from mtl_cli.pages.interval_charts import Bar, IntervalPlot
from mtl_cli.pages.line_plots import Line, LinePlot
from mtl_cli.pages.render import render

ALL_ROWS = "all rows"
MAX_BARS = 30


@dataclass(frozen=True)
class GateTable:
    """How one gate weighs its experts, on all rows and on each slice.

    Attributes:
        name: the gate's level and task.
        experts: the names of the experts.
        rows: the name of a slice, and the percent of the weight of each expert.
    """

    name: str
    experts: list[str]
    rows: list[tuple[str, list[str]]]


def page(evaluation: Evaluation) -> str:
    """Returns the page as HTML."""
    name = mask_secrets(evaluation.table_name)
    evaluation = replace(evaluation, table_name=name)
    return render(
        "evaluation.html",
        title=f"{evaluation.run} on {evaluation.table_name}",
        evaluation=evaluation,
        sections=sections(evaluation),
        calibration=calibration_plots(evaluation),
        charts=slice_charts(evaluation) | importance_charts(evaluation),
        gates=gate_tables(evaluation.gates),
    )


def notebook(evaluation: Evaluation) -> str:
    """Returns the tables and sentences of the page as HTML for a notebook."""
    name = mask_secrets(evaluation.table_name)
    return render(
        "notebook.html",
        title=f"{evaluation.run} on {name}: {evaluation.rows:,} rows",
        sections=sections(evaluation),
        warnings=evaluation.remarks,
    )


def calibration_plots(evaluation: Evaluation) -> list[LinePlot]:
    """Returns one plot per task: mean label against mean prediction of each bucket."""
    plots = []
    for task, result in evaluation.tasks.items():
        if result["calibration"] is not None:
            buckets = result["calibration"]["buckets"]
            title = title_of(task, result)
            line = Line(title, buckets["predicted"], buckets["actual"])
            plot = LinePlot(
                title, "mean prediction", "mean label", [line], diagonal=True
            )
            plots.append(plot)
    return plots


def slice_charts(evaluation: Evaluation) -> dict[str, list[Chart]]:
    """Returns {title of a section: one chart per task} for the slices by each column.

    The dashed line is the metric on all rows.
    """
    charts: dict[str, list[Chart]] = {}
    columns = dict.fromkeys(record["column"] for record in evaluation.slice_records)
    for column in columns:
        for task, result in evaluation.tasks.items():
            metric = result["main_metric"]
            bars = [
                Bar(r["slice"], text_with_interval(r), r["value"], *ends_of(r))
                for r in evaluation.slice_records
                if (r["column"], r["task"]) == (column, task) and r["value"] is not None
            ]
            overall = result["metrics"][metric]["value"]
            if bars and overall is not None:
                name = f"{title_of(task, result)} {metric.replace('_', ' ')}"
                plot = IntervalPlot(f"{name} by {column}", name, bars, overall)
                charts.setdefault(f"By {column}", []).append(plot.chart())
    return charts


def importance_charts(evaluation: Evaluation) -> dict[str, list[Chart]]:
    """Returns {`Importance`: one chart per task}, the most important features first."""
    records = evaluation.importances.get("features", [])
    charts = []
    for task, result in evaluation.tasks.items():
        of_task = [r for r in records if r["task"] == task and r["group"] is None]
        of_task.sort(key=lambda record: -record["importance"])
        bars = [
            Bar(r["features"], importance_text(r), r["importance"], *ends_of(r))
            for r in of_task[:MAX_BARS]
        ]
        if bars:
            metric = result["main_metric"].replace("_", " ")
            name = f"{title_of(task, result)} {metric}"
            title = f"{name}, worse by, if the values are shuffled"
            charts.append(IntervalPlot(title, title, bars, 0.0).chart())
    return {"Importance": charts} if charts else {}


def ends_of(record: dict[str, Any]) -> tuple[float, float]:
    """Returns the ends of an interval; both are the value if they are unknown."""
    if record["low"] is None:
        return record["value"], record["value"]
    return record["low"], record["high"]


def gate_tables(gates: dict[str, Any]) -> list[GateTable]:
    """Returns one table per gate with experts to choose from."""
    if not gates:
        return []
    slices = [(f"{s['column']}: {s['slice']}", s["gates"]) for s in gates["slices"]]
    tables = []
    for i, gate in enumerate(gates["gates"]):
        experts = list(gate["weights"])
        rows = []
        for name, of_slice in [(ALL_ROWS, gates["gates"]), *slices]:
            weights = of_slice[i]["weights"]
            if weights:  # a slice without rows of the task's space has none
                rows.append((name, [f"{100 * weights[e]:.0f}" for e in experts]))
        name = f"{gate['level']} gate of {gate['task'] or 'all tasks'}".strip()
        tables.append(GateTable(name, experts, rows))
    return tables
