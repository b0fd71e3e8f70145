"""Writes the tables, the plots and the pages of a finished run."""

from dataclasses import replace

import pandas as pd

from mtl_cli.pages.figures import write_png
from mtl_cli.runs.finished_run import FinishedRun
from mtl_cli.runs.prediction_frame import prediction_frame
from mtl_cli.runs.report_page import model_card, page, summary


def write_report(run: FinishedRun) -> None:
    """Writes the tables, plots and pages of a run.

    A run always has `report.html` and `model_card.md`. `history.csv` needs at least one
    epoch, `predictions.parquet` needs test rows, and a file in `plots/` needs epochs or
    scored rows to plot.
    """
    if run.history.epochs:
        csv_text = pd.DataFrame(run.epoch_rows).to_csv(index=False)
        run.folder.write_text("history.csv", csv_text)
    if "test" in run.predictions:
        write_predictions(run)
    write_plots(run)
    # Both pages show the summary. The confidence intervals in it may take seconds to
    # compute, so the summary is made only once.
    run_summary = summary(run)
    run.folder.write_text("report.html", page(run, run_summary))
    run.folder.write_text("model_card.md", model_card(run, run_summary))


def write_predictions(run: FinishedRun) -> None:
    """Writes `predictions.parquet`, with the predictions of the test rows."""
    test, scenarios = run.data.splits["test"], run.data.scenarios
    frame = prediction_frame(
        run.config,
        run.data.row_numbers["test"],
        test,
        run.predictions["test"],
        None if scenarios is None else scenarios.of(test),
    )
    # Arrow gets an open file: it takes no path whose bytes are not UTF-8.
    with run.folder.replacing("predictions.parquet") as path, path.open("wb") as file:
        frame.to_parquet(file, index=False)


def write_plots(run: FinishedRun) -> None:
    """Writes the files in `plots/` that have at least one plot."""
    calibration_plots = [
        replace(plot, title=output)
        for output, plots in run.plots_by_output.items()
        for plot in plots
        if plot.title == "calibration"
    ]
    for name, plots in {
        "learning_curves": run.loss_and_metric_plots,
        "calibration": calibration_plots,
    }.items():
        if plots:
            with run.folder.replacing(f"plots/{name}.png") as path:
                write_png(plots, path)
