"""Writes the tables, the plots and the pages of a finished run."""

from dataclasses import replace
from typing import Any

import pandas as pd

from mtl_cli.config.run_config import Config
from mtl_cli.core.prediction_names import (
    GROUP,
    ROW,
    SCENARIO,
    prediction_name,
    weight_name,
)
from mtl_cli.data.table import Array, Table
from mtl_cli.pages.figures import write_png
from mtl_cli.runs.finished_run import FinishedRun
from mtl_cli.runs.report_page import model_card, page, summary


def write(run: FinishedRun) -> None:
    """Writes the tables, plots and pages of a run.

    A run always has `report.html` and `model_card.md`. `history.csv` needs at least one
    epoch, `predictions.parquet` needs test rows, and a file in `plots/` needs epochs or
    scored rows to plot.
    """
    folder = run.folder
    if run.history.epochs:
        csv_text = pd.DataFrame(run.epoch_rows).to_csv(index=False)
        folder.write_text("history.csv", csv_text)
    if "test" in run.predictions:
        test, scenarios = run.data.splits["test"], run.data.scenarios
        frame = prediction_frame(
            run.config,
            run.data.row_numbers["test"],
            test,
            run.predictions["test"],
            None if scenarios is None else scenarios.of(test).row_names,
        )
        with folder.replacing("predictions.parquet") as path:
            frame.to_parquet(path, index=False)
    calibration = [
        replace(plot, title=output)
        for output, plots in run.plots_by_output.items()
        for plot in plots
        if plot.title == "calibration"
    ]
    for name, plots in {
        "learning_curves": run.loss_and_metric_plots,
        "calibration": calibration,
    }.items():
        if plots:
            with folder.replacing(f"plots/{name}.png") as path:
                write_png(plots, path)
    # Both pages show the summary. The confidence intervals in it may take seconds to
    # compute, so the summary is made only once.
    page_summary = summary(run)
    folder.write_text("report.html", page(run, page_summary))
    folder.write_text("model_card.md", model_card(run, page_summary))


def prediction_frame(
    config: Config,
    row_numbers: Array,
    table: Table,
    predictions: dict[str, Array],
    scenarios: Array | None = None,
) -> pd.DataFrame:
    """Puts the predictions of some rows into a data frame, with row numbers and labels.

    The column `row` numbers the rows from 1, as messages do. The label of a multiclass
    task is the name of the class, and the prediction is a list of the probabilities of
    all classes. If the rows are weighted, the frame has the weights in the metrics. If
    the data set has a `group_column`, the frame has the number of each row's group.

    Args:
        config: the configuration of the run.
        row_numbers: the index of each row in the file of the data, from 0, (rows,).
        table: the labels, the weights and the groups of the rows.
        predictions: {output: (rows,) or (rows, classes)}; also the spreads if the model
            predicts them.
        scenarios: the name of each row's scenario, (rows,).
    """
    columns: dict[str, Any] = {ROW: row_numbers + 1}
    if scenarios is not None:
        columns[SCENARIO] = pd.Categorical(scenarios)
    for task, values in table.labels.items():
        columns[task] = config.chosen_tasks[task].label_column(values)
    outputs = {output.name for output in config.outputs}
    for name, values in predictions.items():
        # Other names are those of spreads, such as `click_std`, see `spread_name`.
        column = prediction_name(name) if name in outputs else name
        columns[column] = values if values.ndim == 1 else list(values)
    is_weighted = config.dataset.weight_column is not None
    weights = table.metric_weights if is_weighted else table.population
    for output, values in weights.items():
        columns[weight_name(output)] = values
    if table.groups is not None:
        # Groups are numbered by their first rows, so that the numbers of two runs on
        # the same rows are equal.
        groups = pd.Series(table.groups).where(table.groups >= 0)
        numbers = pd.Series(pd.factorize(groups)[0], dtype="Int64")
        columns[GROUP] = numbers.where(numbers >= 0)
    return pd.DataFrame(columns)
