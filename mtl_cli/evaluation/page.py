"""Makes the HTML page of an evaluation: tables, plots, and the weights of gates."""

from mtl_cli.evaluation.results import EvaluationResults
from mtl_cli.evaluation.sections import sections
from mtl_cli.pages.charts import Chart
from mtl_cli.pages.interval_plots import Bar, IntervalPlot
from mtl_cli.pages.line_plots import Line, LinePlot
from mtl_cli.pages.render import render
from mtl_cli.runs.plots import importance_charts
from mtl_cli.runs.text_tables import text_with_interval
from mtl_cli.scoring.gate_rows import gate_tables
from mtl_cli.scoring.slice_scores import SliceRecord

MAX_BARS = 30  # the largest number of features in a plot of importance


def page(evaluation: EvaluationResults) -> str:
    """Returns the page as HTML."""
    charts = slice_charts(evaluation)
    titles = {task: evaluation.title_with_metric(task) for task in evaluation.tasks}
    importances = evaluation.importances.get("features", [])
    if of_tasks := importance_charts(importances, titles, MAX_BARS):
        charts["Importance"] = of_tasks
    return render(
        "evaluation.html",
        title=f"{evaluation.run} on {evaluation.table_name}",
        evaluation=evaluation,
        sections=sections(evaluation),
        calibration=calibration_plots(evaluation),
        charts=charts,
        gates=gate_tables(evaluation.gates),
    )


def notebook(evaluation: EvaluationResults) -> str:
    """Returns the tables and the sentences of the page as HTML for a notebook."""
    return render(
        "notebook.html",
        title=f"{evaluation.run} on {evaluation.table_name}: {evaluation.rows:,} rows",
        sections=sections(evaluation),
        warnings=evaluation.remarks,
    )


def calibration_plots(evaluation: EvaluationResults) -> list[LinePlot]:
    """Plots the mean label over the mean prediction of each bucket, for each task."""
    plots = []
    for task, result in evaluation.tasks.items():
        if result["calibration"] is not None:
            buckets = result["calibration"]["buckets"]
            title = evaluation.name_with_space(task)
            line = Line(title, buckets["predicted"], buckets["actual"])
            plots.append(
                LinePlot(title, "mean prediction", "mean label", [line], diagonal=True)
            )
    return plots


def slice_charts(evaluation: EvaluationResults) -> dict[str, list[Chart]]:
    """Plots the main metric of each task on the slices by each column.

    Returns: {title of the column's section: at most one chart per task}.
    """
    charts: dict[str, list[Chart]] = {}
    columns = dict.fromkeys(record["column"] for record in evaluation.slice_records)
    for column in columns:
        for task, result in evaluation.tasks.items():
            bars = [
                slice_bar(record, record["value"])
                for record in evaluation.slice_records
                if (record["column"], record["task"]) == (column, task)
                and record["value"] is not None
            ]
            main_result = result["metrics"].get(result["main_metric"], {})
            if bars:
                axis_name = evaluation.title_with_metric(task)
                title = f"{axis_name} by {column}"
                plot = IntervalPlot(title, axis_name, bars, main_result.get("value"))
                charts.setdefault(f"By {column}", []).append(plot.chart())
    return charts


def slice_bar(record: SliceRecord, value: float) -> Bar:
    low, high = record["low"], record["high"]
    if low is None or high is None:
        low = high = value  # the interval is unknown: the bar has no length
    return Bar(record["slice"], text_with_interval(record), value, low, high)
