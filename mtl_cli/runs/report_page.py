"""Writes the HTML page and the model card of a finished run as text."""

import json
import shlex
from typing import Any

from mtl_cli.core.secrets import mask_secrets
from mtl_cli.pages.charts import Chart
from mtl_cli.pages.network_chart import network_chart
from mtl_cli.pages.render import render
from mtl_cli.runs.data_tables import feature_table, task_table
from mtl_cli.runs.importance_plots import importance_plots
from mtl_cli.runs.report import FinishedRun
from mtl_cli.runs.score_table import Cells, scenario_table, score_tables
from mtl_cli.runs.slice_texts import slice_table, slice_text
from mtl_cli.scoring.gate_rows import gate_rows, gate_tables, gate_warnings
from mtl_cli.scoring.scored_rows import metric_with_interval

MAX_OPEN_TASKS = 4  # the plots of further tasks are folded
MAX_PLOTTED_FEATURES = 10  # the number of features in a plot of importance
MAX_LISTED_SLICES = 3  # the number of slices that are listed per output


def page(run: FinishedRun, page_summary: dict[str, Any]) -> str:
    """Returns the page as HTML.

    Args:
        run: the run.
        page_summary: the result of `summary`.
    """
    from mtl_cli.network.diagram import nodes_of

    outputs = run.config.outputs
    configuration = mask_secrets(run.config.model_dump(mode="json"))
    # The runs of an ensemble have the same structure, so one of them is drawn.
    network = (run.network.runs or [run.network])[0]
    nodes = nodes_of(network.logits, list(run.config.chosen_tasks))
    return render(
        "run.html",
        **page_summary,
        scores={name: score_tables(outputs, run.scores[name]) for name in run.scores},
        by_scenario=scenario_table(outputs, run.scores[run.split]),
        learning_curves=run.loss_and_metric_plots,
        plots=run.plots_by_output,
        max_open_tasks=MAX_OPEN_TASKS,
        gates=gate_rows(run.gate_usage) if run.gate_usage else [],
        **gates_by_slice(run),
        diagnosis=run.diagnosis,
        weakest=weakest_tables(run),
        importance=importance_charts(run),
        network=network_chart(nodes),
        tasks_by_split=task_table(run.data.report, outputs),
        features=feature_table(run.data.report),
        stages=run.stages,
        command=command(run),
        next_commands=run.next_commands,
        configuration=json.dumps(configuration, indent=2),
    )


def gates_by_slice(run: FinishedRun) -> dict[str, Any]:
    """Returns the template's values for gates by the values of one feature.

    `gates_column` is the name of the feature, and `gates_by_slice` are the tables.
    """
    usage = run.gate_usage
    if usage is None or not usage["slices"]:
        return {"gates_column": "", "gates_by_slice": []}
    column = usage["slices"][0]["column"]
    return {"gates_column": column, "gates_by_slice": gate_tables(usage)}


def importance_charts(run: FinishedRun) -> list[Chart]:
    """Draws the importance of features, one chart per output with measured features."""
    titles = {
        name: f"{rows.output.title} {rows.main_metric.name.replace('_', ' ')}"
        for name, rows in run.rows_by_output.items()
    }
    records = run.diagnosis.importances.get("features", [])
    return [
        plot.chart() for plot in importance_plots(records, titles, MAX_PLOTTED_FEATURES)
    ]


def weakest_tables(run: FinishedRun) -> list[Cells]:
    """Returns one table per output with its weakest slices, if any were tested."""
    titles = {output.name: output.title for output in run.config.outputs}
    return [
        slice_table(titles[name], records[:MAX_LISTED_SLICES])
        for name, records in run.diagnosis.slices.items()
        if records
    ]


def weaknesses(run: FinishedRun) -> list[str]:
    """Describes the weakest slice of each output, if it is significantly weaker."""
    return [
        f"{output.title}: {slice_text(records[0], len(records))}, on "
        f"{run.diagnosis.rows:,} {run.diagnosis.split} rows"
        for output in run.config.outputs
        if (records := run.diagnosis.slices.get(output.name))
        and records[0]["surely_weaker"]
    ]


def model_card(run: FinishedRun, page_summary: dict[str, Any]) -> str:
    """Returns the model card as Markdown.

    Args:
        run: the run.
        page_summary: the result of `summary`.
    """
    tables = score_tables(run.config.outputs, run.scores[run.split])
    return render(
        "model_card.md",
        **page_summary,
        tables=tables,
        command=command(run),
        weaknesses=weaknesses(run),
    )


def summary(run: FinishedRun) -> dict[str, Any]:
    """Returns the templates' values that the page and the model card share."""
    config, environment = run.config, mask_secrets(run.environment)
    return {
        "title": f"{config.model.name} on {config.dataset.name}",
        "name": run.folder.path.name,
        "split": run.split,
        "headlines": headlines(run),
        "warnings": [*run.data.report["findings"], *gate_warnings(run.gate_usage)],
        "facts": {
            "model": f"{config.model.name} on encoder {config.encoder.name}",
            "tasks": ", ".join(config.chosen_tasks),
            "parameters": f"{environment['parameters']:,}",
            "rows": ", ".join(
                f"{rows:,} {split}" for split, rows in run.data.report["splits"].items()
            ),
            "features": f"{len(config.dataset.used_features)}",
            **training_facts(run),
            "versions": ", ".join(
                f"{name} {version}" for name, version in environment["versions"].items()
            ),
            "data": f"hash {environment['data_hash'][:12]}",
        }
        | lineage_facts(environment.get("start_from")),
    }


def training_facts(run: FinishedRun) -> dict[str, str]:
    """Returns the epochs and the seed of a run, or the runs that an ensemble averages.

    The result is part of the table of facts: {name: value}.
    """
    if runs := run.environment.get("ensemble"):
        names = ", ".join(entry["run"] for entry in runs)
        return {"mean of": f"{len(runs)} runs: {names}"}
    return {
        "epochs": f"{len(run.history.epochs)} epochs, of which "
        f"epoch {run.history.kept_epoch} is kept",
        "seed": f"{run.config.seed}",
    }


def lineage_facts(lineage: dict[str, Any] | None) -> dict[str, str]:
    """Describes the earlier run that a run has started from, as a part of the facts.

    Args:
        lineage: the key `start_from` of `environment.json`; None if the run has not
            started from an earlier run.

    Returns: a part of the table of facts, {name: value}; {} if `lineage` is None.
    """
    if lineage is None:
        return {}
    data, config = (str(lineage[f"{key}_hash"])[:12] for key in ("data", "config"))
    hashes = f"hash of its data {data}, of its configuration {config}"
    return {"started from": f"{lineage['run']} ({hashes})"}


def headlines(run: FinishedRun) -> list[dict[str, str]]:
    """Describes the first metric of each output: its value, interval and row count."""
    headlines = []
    for output in run.config.outputs:
        score = run.scores[run.split][output.name]
        name = output.first_metric
        rows = run.rows_by_output[output.name]
        metric = metric_with_interval(rows, name, score[name])
        value, low, high = metric["value"], metric["low"], metric["high"]
        headlines.append(
            {
                "title": output.title,
                "metric": name.replace("_", " "),
                "value": "-" if value is None else f"{value:.4f}",
                "interval": "" if low is None else f"{low:.4f} to {high:.4f}",
                "rows": f"{score['rows']:,}",
            }
        )
    return headlines


def command(run: FinishedRun) -> str:
    """Returns the command that made the run, without secrets."""
    return str(mask_secrets(shlex.join(run.command)))
