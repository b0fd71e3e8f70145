"""Writes the tables, the plots and the pages of a trained run."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pandas as pd

from mtl_cli.core.paths import short_path
from mtl_cli.core.run_folder import LOG
from mtl_cli.data.table import Array
from mtl_cli.pages.figures import write_png
from mtl_cli.pages.line_plots import LinePlot
from mtl_cli.runs.console import Console
from mtl_cli.runs.finished_run import FinishedRun
from mtl_cli.runs.outcome import failure_message, is_expected, plugin_hint
from mtl_cli.runs.prediction_frame import prediction_frame
from mtl_cli.runs.report_page import model_card, page, summary
from mtl_cli.runs.trained_run import TrainedRun


def write_tables(run: TrainedRun, predictions: dict[str, dict[str, Array]]) -> None:
    """Writes `history.csv` and `predictions.parquet`.

    `history.csv` needs at least one epoch, `predictions.parquet` needs test rows. The
    predictions are {split: {output: predictions}}.
    """
    if run.history.epochs:
        csv_text = pd.DataFrame(run.epoch_rows).to_csv(index=False)
        run.folder.write_text("history.csv", csv_text)
    if "test" not in predictions:
        return
    test, scenarios = run.data.splits["test"], run.data.scenarios
    frame = prediction_frame(
        run.config,
        run.data.row_numbers["test"],
        test,
        predictions["test"],
        None if scenarios is None else scenarios.of(test),
    )
    # Arrow gets an open file, because it refuses paths that are not UTF-8.
    with run.folder.replacing("predictions.parquet") as path, path.open("wb") as file:
        frame.to_parquet(file, index=False)


def write_report(run: FinishedRun, console: Console) -> None:
    """Writes the plots and the pages of a run.

    These are `report.html`, `model_card.md`, and the files in `plots/` for which the
    run has epochs or scored rows. If a task's plots fail, a warning is printed instead.
    """
    plots = plots_by_output(run, console)
    write_plots(run, plots)
    # Both pages show the summary. The confidence intervals in it may take seconds to
    # compute, so the summary is made only once.
    run_summary = summary(run)
    run.folder.write_text("report.html", page(run, run_summary, plots))
    run.folder.write_text("model_card.md", model_card(run, run_summary))


def plots_by_output(run: FinishedRun, console: Console) -> dict[str, list[LinePlot]]:
    """Draws the plots of each output's predictions on the rows of `run.split`."""
    plots: dict[str, list[LinePlot]] = {}
    for name, rows in run.rows_by_output.items():
        plots[name] = []
        with warned_of_error(f"plots of {name}", run, console):
            plots[name] = rows.plots()
    return plots


@contextmanager
def warned_of_error(part: str, run: TrainedRun, console: Console) -> Iterator[None]:
    """Turns an unexpected error of the block into a warning that the run lacks a part.

    `part` is what the block makes, such as `report`. When it is made, the model and the
    scores are complete: a mistake in the block, or in a plugin that the block calls,
    must not lose them.
    """
    try:
        yield
    except Exception as error:
        if is_expected(error):
            raise
        console.log_line(traceback.format_exc())
        console.warn(
            f"the run has no {part}: {failure_message(error)}{plugin_hint(run.config)};"
            " the model and the scores are complete; the traceback is in "
            f"{short_path(run.folder.path / LOG)}"
        )


def write_plots(run: FinishedRun, plots: dict[str, list[LinePlot]]) -> None:
    """Writes the files in `plots/` that have at least one plot.

    `plots` are the plots of each output, {output: plots}.
    """
    calibration_plots = [
        replace(plot, title=output)
        for output, output_plots in plots.items()
        for plot in output_plots
        if plot.title == "calibration"
    ]
    plots_by_file = {
        "learning_curves": run.loss_and_metric_plots,
        "calibration": calibration_plots,
    }
    for name, file_plots in plots_by_file.items():
        if file_plots:
            with run.folder.replacing(f"plots/{name}.png") as path:
                write_png(file_plots, path)
