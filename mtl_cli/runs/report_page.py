"""Writes the HTML page and the model card of a finished run as text."""

import json
import shlex
from collections.abc import Mapping
from typing import Any

from mtl_cli.core.secrets import mask_secrets
from mtl_cli.pages.network_chart import network_chart
from mtl_cli.pages.render import render
from mtl_cli.runs.finished_run import FinishedRun
from mtl_cli.runs.importance_plots import importance_plots
from mtl_cli.runs.text_tables import (
    feature_table,
    scenario_table,
    score_tables,
    slice_table,
    slice_text,
    task_table,
)
from mtl_cli.scoring.gate_rows import gate_rows, gate_tables, gate_warnings
from mtl_cli.scoring.scored_rows import metric_with_interval

MAX_OPEN_TASKS = 4  # the plots of further tasks are folded
MAX_PLOTTED_FEATURES = 10  # the number of features in a plot of importance
MAX_LISTED_SLICES = 3  # the number of slices that are listed per output


def page(run: FinishedRun, page_summary: dict[str, Any]) -> str:
    """Returns the page as HTML, given the result of `summary`."""
    from mtl_cli.network.diagram import nodes_of

    outputs = run.config.outputs
    gate_usage: Mapping[str, Any] = run.gate_usage or {"gates": [], "slices": []}
    gate_slices = gate_usage["slices"]
    titles = {
        name: f"{rows.output.title} {rows.main_metric.name.replace('_', ' ')}"
        for name, rows in run.rows_by_output.items()
    }
    importances = run.diagnosis.importances.get("features", [])
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
        gates=gate_rows(gate_usage),
        gates_column=gate_slices[0]["column"] if gate_slices else "",
        gates_by_slice=gate_tables(gate_usage) if gate_slices else [],
        diagnosis=run.diagnosis,
        weakest=[
            slice_table(output.title, records[:MAX_LISTED_SLICES])
            for output in outputs
            if (records := run.diagnosis.slices.get(output.name))
        ],
        importance=[
            plot.chart()
            for plot in importance_plots(importances, titles, MAX_PLOTTED_FEATURES)
        ],
        network=network_chart(nodes),
        tasks_by_split=task_table(run.data.report, outputs),
        features=feature_table(run.data.report),
        stages=run.stages,
        next_commands=run.next_commands,
        configuration=json.dumps(configuration, indent=2),
    )


def model_card(run: FinishedRun, page_summary: dict[str, Any]) -> str:
    """Returns the model card as Markdown, given the result of `summary`.

    The card lists the weakest slice of each output, if that slice is surely weaker than
    the other rows.
    """
    weaknesses = [
        f"{output.title}: {slice_text(records[0], len(records))}, on "
        f"{run.diagnosis.rows:,} {run.diagnosis.split} rows"
        for output in run.config.outputs
        if (records := run.diagnosis.slices.get(output.name))
        and records[0]["surely_weaker"]
    ]
    return render(
        "model_card.md",
        **page_summary,
        tables=score_tables(run.config.outputs, run.scores[run.split]),
        weaknesses=weaknesses,
    )


def summary(run: FinishedRun) -> dict[str, Any]:
    """Returns the templates' values that the page and the model card share."""
    config = run.config
    return {
        "title": f"{config.model.name} on {config.dataset.name}",
        "name": run.folder.path.name,
        "split": run.split,
        "headlines": headlines(run),
        "warnings": [*run.data.report["findings"], *gate_warnings(run.gate_usage)],
        "facts": facts(run),
        "command": mask_secrets(shlex.join(run.command)),
    }


def facts(run: FinishedRun) -> dict[str, str]:
    """Returns the table of facts, {name: value}.

    For an ensemble, the names of its runs take the place of epochs and seed.
    """
    config, environment = run.config, mask_secrets(run.environment)
    splits, versions = run.data.report["splits"], environment["versions"]
    facts = {
        "model": f"{config.model.name} on encoder {config.encoder.name}",
        "tasks": ", ".join(config.chosen_tasks),
        "parameters": f"{environment['parameters']:,}",
        "rows": ", ".join(f"{rows:,} {split}" for split, rows in splits.items()),
        "features": f"{len(config.dataset.used_features)}",
    }
    if runs := run.environment.get("ensemble"):
        names = ", ".join(entry["run"] for entry in runs)
        facts["mean of"] = f"{len(runs)} runs: {names}"
    else:
        num_epochs = len(run.history.epochs)
        kept_epoch = run.history.kept_epoch
        facts["epochs"] = f"{num_epochs} epochs, of which epoch {kept_epoch} is kept"
        facts["seed"] = f"{config.seed}"
    facts["versions"] = ", ".join(f"{name} {v}" for name, v in versions.items())
    facts["data"] = f"hash {environment['data_hash'][:12]}"
    if earlier := environment.get("start_from"):
        data_hash = str(earlier["data_hash"])[:12]
        config_hash = str(earlier["config_hash"])[:12]
        hashes = f"hash of its data {data_hash}, of its configuration {config_hash}"
        facts["started from"] = f"{earlier['run']} ({hashes})"
    return facts


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
