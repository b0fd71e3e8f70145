"""Writes the HTML page and the model card of a finished run as text."""

import json
import shlex
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mtl_cli.core.secrets import mask_secrets
from mtl_cli.data.table import Array
from mtl_cli.heads.base import Output
from mtl_cli.metrics.score_dict import Scores
from mtl_cli.pages.charts import Chart
from mtl_cli.pages.line_plots import LinePlot
from mtl_cli.pages.network_chart import network_chart
from mtl_cli.pages.render import render
from mtl_cli.runs.diagnosis import Diagnosis
from mtl_cli.runs.plots import importance_charts, learning_curves
from mtl_cli.runs.text_tables import (
    Cells,
    feature_table,
    format_metric,
    scale_of,
    scenario_table,
    score_tables,
    slice_table,
    slice_text,
    task_table,
)
from mtl_cli.runs.trained_run import TrainedRun
from mtl_cli.scoring.gate_records import GateUsage
from mtl_cli.scoring.gate_rows import gate_rows, gate_tables, gate_warnings
from mtl_cli.scoring.scored_rows import ScoredRows, metric_with_interval, scored_rows

MAX_OPEN_TASKS = 4  # the plots of further tasks are folded
MAX_PLOTTED_FEATURES = 10  # the number of features in a plot of importance
MAX_LISTED_SLICES = 3  # the number of slices that are listed per output


@dataclass(frozen=True)
class FinishedRun(TrainedRun):
    """A trained network, its predictions and its scores."""

    predictions: dict[str, dict[str, Array]]  # {split: {output: predictions}}
    scores: dict[str, Scores]  # {split: {output: score}}, as in `metrics.json`
    split: str  # the split whose scores the report shows first, see `main_split`
    gate_usage: GateUsage | None  # None without gates
    diagnosis: Diagnosis
    stages: Cells  # see `StageTimer.table`

    @cached_property
    def rows_by_output(self) -> dict[str, ScoredRows]:
        """The rows of `split` on which each output is scored, {output: rows}."""
        table, predictions = self.data.splits[self.split], self.predictions[self.split]
        return {
            output.name: scored_rows(output, table, predictions[output.name])
            for output in self.config.outputs
        }


def page(
    run: FinishedRun, run_summary: dict[str, Any], plots: dict[str, list[LinePlot]]
) -> str:
    """Returns the page as HTML, from a `summary` and {output: plots}."""
    outputs = run.config.outputs
    configuration = mask_secrets(run.config.model_dump(mode="json"))
    importances = run.diagnosis.importances.get("features", [])
    titles = {
        name: f"{rows.output.title} {rows.main_metric.name.replace('_', ' ')}"
        for name, rows in run.rows_by_output.items()
    }
    return render(
        "run.html",
        **run_summary,
        scores={split: score_tables(scores) for split, scores in run.scores.items()},
        by_scenario=scenario_table(outputs, run.scores[run.split]),
        learning_curves=learning_curves(run.epoch_rows, run.history.kept_epoch),
        plots=plots,
        max_open_tasks=MAX_OPEN_TASKS,
        **gate_variables(run.gate_usage),
        diagnosis=run.diagnosis,
        weakest=[
            slice_table(output.title, slices[:MAX_LISTED_SLICES])
            for output in outputs
            if (slices := run.diagnosis.slices.get(output.name))
        ],
        importance=importance_charts(importances, titles, MAX_PLOTTED_FEATURES),
        network=drawn_network(run),
        tasks_by_split=task_table(run.data.report, outputs),
        features=feature_table(run.data.report),
        stages=run.stages,
        next_commands=run.next_commands,
        configuration=json.dumps(configuration, indent=2),
    )


def gate_variables(usage: GateUsage | None) -> dict[str, Any]:
    if usage is None:
        return {"gates": [], "gates_column": "", "gates_by_slice": []}
    slices = usage["slices"]
    return {
        "gates": gate_rows(usage),
        "gates_column": slices[0]["column"] if slices else "",
        "gates_by_slice": gate_tables(usage) if slices else [],
    }


def drawn_network(run: FinishedRun) -> Chart:
    """Returns the chart of the network. All networks of an ensemble look the same."""
    from mtl_cli.network.diagram import nodes_of

    network = run.network.runs[0] if run.network.runs else run.network
    return network_chart(nodes_of(network.logits, list(run.config.chosen_tasks)))


def model_card(run: FinishedRun, run_summary: dict[str, Any]) -> str:
    """Returns the model card as Markdown, from a `summary`.

    The card lists the weakest slice of each output, if that slice is surely weaker than
    the other rows.
    """
    weaknesses = [
        f"{output.title}: {slice_text(slices[0], len(slices))}, on "
        f"{run.diagnosis.rows:,} {run.diagnosis.split} rows"
        for output in run.config.outputs
        if (slices := run.diagnosis.slices.get(output.name))
        and slices[0]["surely_weaker"]
    ]
    return render(
        "model_card.md",
        **run_summary,
        tables=score_tables(run.scores[run.split]),
        weaknesses=weaknesses,
        remarks=run.diagnosis.remarks,
    )


def summary(run: FinishedRun) -> dict[str, Any]:
    """Returns the template variables that the page and the model card share."""
    config = run.config
    return {
        "title": f"{config.model.name} on {config.dataset.name}",
        "name": run.folder.path.name,
        "split": run.split,
        "headlines": [headline(run, output) for output in run.config.outputs],
        "warnings": [*run.data.report["findings"], *gate_warnings(run.gate_usage)],
        "facts": fact_table(run),
        "command": mask_secrets(shlex.join(run.command)),
    }


def fact_table(run: FinishedRun) -> dict[str, str]:
    """Returns {name of a fact: its text}, such as `parameters` and `seed`."""
    config, environment = run.config, mask_secrets(run.environment)
    splits, versions = run.data.report["splits"], environment["versions"]
    facts = {
        "model": f"{config.model.name} on encoder {config.encoder.name}",
        "tasks": ", ".join(config.chosen_tasks),
        "parameters": f"{environment['parameters']:,}",
        "rows": ", ".join(f"{rows:,} {split}" for split, rows in splits.items()),
        "features": f"{len(config.dataset.used_features)}",
    }
    if averaged_runs := environment.get("ensemble"):
        names = ", ".join(entry["run"] for entry in averaged_runs)
        facts["mean of"] = f"{len(averaged_runs)} runs: {names}"
    else:
        num_epochs = len(run.history.epochs)
        kept_epoch = run.history.kept_epoch
        facts["epochs"] = f"{num_epochs} epochs, of which epoch {kept_epoch} is kept"
        facts["seed"] = f"{config.seed}"
    facts["versions"] = ", ".join(f"{name} {v}" for name, v in versions.items())
    facts["data"] = f"hash {environment['data_hash'][:12]}"
    if earlier_run := environment.get("start_from"):
        data_hash = str(earlier_run["data_hash"])[:12]
        facts["started from"] = f"{earlier_run['run']} (hash of its data {data_hash})"
    return facts


def headline(run: FinishedRun, output: Output) -> dict[str, str]:
    score = run.scores[run.split][output.name]
    name = output.first_metric
    metric = metric_with_interval(run.rows_by_output[output.name], name, score[name])
    scale = scale_of(metric)
    low, high = (format_metric(metric[end], scale) for end in ("low", "high"))
    return {
        "title": output.title,
        "metric": name.replace("_", " "),
        "value": format_metric(metric["value"], scale),
        "interval": "" if metric["low"] is None else f"{low} to {high}",
        "rows": f"{score['rows']:,}",
    }
