"""Writes the tables, the plots and the pages of a trained run."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pandas as pd

from mtl_cli.core.run_folder import LOG
from mtl_cli.data.table import Array
from mtl_cli.pages.figures import write_png
from mtl_cli.pages.line_plots import LinePlot
from mtl_cli.runs.console import Console
from mtl_cli.runs.outcome import failure_message, is_expected
from mtl_cli.runs.plots import learning_curves
from mtl_cli.runs.predictions_file import PREDICTIONS, write_predictions
from mtl_cli.runs.report_page import FinishedRun, model_card, page, summary
from mtl_cli.runs.trained_run import TrainedRun


def write_tables(run: TrainedRun, predictions: dict[str, dict[str, Array]]) -> None:
    """Writes `history.csv` if there are epochs, `predictions.parquet` if test rows.

    The predictions are {split: {output: predictions}}.
    """
    if run.history.epochs:
        csv_text = pd.DataFrame(run.epoch_rows).to_csv(index=False)
        run.folder.write_text("history.csv", csv_text)
    if "test" not in predictions:
        return
    test, scenarios = run.data.splits["test"], run.data.scenarios
    with run.folder.replacing(PREDICTIONS) as path:
        write_predictions(
            path,
            run.config,
            run.data.row_numbers["test"],
            test,
            predictions["test"],
            None if scenarios is None else scenarios.of(test),
        )


def write_report(run: FinishedRun, console: Console) -> None:
    """Writes `report.html`, `model_card.md` and the files in `plots/`.

    If a task's plots fail, a warning is printed instead.
    """
    plots: dict[str, list[LinePlot]] = {}
    for name, rows in run.rows_by_output.items():
        plots[name] = []
        with warned_of_error(f"plots of {name}", run, console):
            plots[name] = rows.plots()
    write_plots(run, plots)
    # Both pages show the summary. The confidence intervals in it may take seconds to
    # compute, so the summary is made only once.
    run_summary = summary(run)
    run.folder.write_text("report.html", page(run, run_summary, plots))
    run.folder.write_text("model_card.md", model_card(run, run_summary))


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
            f"the run has no {part}: {failure_message(error)}; the model and the "
            f"scores are complete; the traceback is in its {LOG}"
        )


def write_plots(run: FinishedRun, plots: dict[str, list[LinePlot]]) -> None:
    """Writes the files in `plots/`, from {output: plots of its predictions}."""
    calibration_plots = [
        replace(plot, title=output)
        for output, output_plots in plots.items()
        for plot in output_plots
        if plot.title == "calibration"
    ]
    plots_by_file = {
        "learning_curves": learning_curves(run.epoch_rows, run.history.kept_epoch),
        "calibration": calibration_plots,
    }
    for name, file_plots in plots_by_file.items():
        if file_plots:
            with run.folder.replacing(f"plots/{name}.png") as path:
                write_png(file_plots, path)
