"""Finishes a run after its training: calibrates, saves, scores and reports."""

from dataclasses import asdict
from pathlib import Path

from mtl_cli.config.run_config import Config
from mtl_cli.core.message_text import line_if_any
from mtl_cli.core.paths import short_path
from mtl_cli.core.run_folder import RunFolder
from mtl_cli.core.secrets import mask_secrets
from mtl_cli.data.table import Array, Table
from mtl_cli.heads.base import Output
from mtl_cli.metrics.score_dict import Scores
from mtl_cli.runs.console import Console
from mtl_cli.runs.diagnosis import diagnose, measure_gates
from mtl_cli.runs.stage_timer import StageTimer
from mtl_cli.runs.text_tables import format_metric
from mtl_cli.runs.trained_run import TrainedRun
from mtl_cli.scoring.gate_records import GateUsage
from mtl_cli.scoring.gate_rows import gate_warnings
from mtl_cli.scoring.sample import sample_of
from mtl_cli.scoring.scores import main_split, score_outputs
from mtl_cli.scoring.slices import Slices
from mtl_cli.training.progress import History


def save_and_score(
    run: TrainedRun, console: Console, timer: StageTimer
) -> dict[str, Scores]:
    """Calibrates and saves a trained network, scores each split, and reports.

    Returns: {split: {output: score}}.
    """
    from mtl_cli.runs import saved_model
    from mtl_cli.runs.report import warned_of_error, write_report, write_tables
    from mtl_cli.runs.report_page import FinishedRun

    config, folder = run.config, run.folder
    calibrate_predictions(run, console)
    values = mask_secrets(config.model_dump(mode="json"))
    saved_model.save(folder, run.network, values, run.data.features)
    predictions, scores = predict_and_score(run)
    # The names of scenarios are values of the data. `write_values` masks no text.
    folder.write_values("metrics.json", scores)
    write_tables(run, predictions)
    timer.end_stage("save, predict and score")

    # An earlier process of this run, killed at its end, may have left these files. If
    # this process fails to write one of them, the old file must not stay.
    for name in ("gates.json", "report.html", "model_card.md"):
        (folder.path / name).unlink(missing_ok=True)
    split = main_split(scores)
    gate_usage = None
    with warned_of_error("gates.json", run, console):
        sample = sample_of(run.data.splits[split])
        tasks, slices = list(config.chosen_tasks), scenario_slices(run, sample)
        gate_usage = measure_gates(run.network, tasks, sample, slices)
        if gate_usage is not None:
            folder.write_json("gates.json", {"split": split, **gate_usage})
    with warned_of_error("report", run, console):
        diagnosis = diagnose(run, predictions, split)
        timer.end_stage("look for weak slices, measure importance")
        finished = FinishedRun(
            **vars(run),
            predictions=predictions,
            scores=scores,
            split=split,
            gate_usage=gate_usage,
            diagnosis=diagnosis,
            stages=timer.table(),
        )
        write_report(finished, console)
    print_results(run, console, gate_usage, split, scores)
    timer.end_stage("write plots and pages")
    return scores


def print_results(
    run: TrainedRun,
    console: Console,
    gate_usage: GateUsage | None,
    split: str,
    scores: dict[str, Scores],
) -> None:
    """Prints findings about the training, the tasks and the gates; prints the scores.

    `scores` is {split: {output: score}}. Only the scores of `split` are printed.
    """
    num_rows = run.data.splits["train"].num_rows
    for line in last_epoch_finding(run.config, run.history, num_rows):
        console.print_line(line)
    for warning in [
        *useless_tasks_finding(run.config.outputs, scores.get("valid", {})),
        *gate_warnings(gate_usage),
    ]:
        console.warn(warning)
    when = f", after epoch {run.history.kept_epoch}" if run.history.epochs else ""
    console.print_scores(f"{split} rows{when}", run.config.outputs, scores[split])


def last_epoch_finding(config: Config, history: History, num_rows: int) -> list[str]:
    """Returns a line if the best epoch is the last one that `trainer.epochs` allows.

    The network may then have been about to become better. Returns [] if early stopping
    is off, if the learning rate falls until the last epoch, or if there is only one
    epoch: a single epoch shows no trend.
    """
    length = config.training_length(num_rows)
    if length.patience is None or length.epochs == 1:
        return []
    if not config.optimizer.is_rate_constant or history.kept_epoch != length.epochs:
        return []
    return [
        f"the best epoch is the last one, epoch {length.epochs}, so more epochs may "
        f"give a better model: trainer.epochs={2 * length.epochs}"
    ]


def useless_tasks_finding(outputs: list[Output], scores: Scores) -> list[str]:
    """Returns a line about tasks that are no better than a constant prediction.

    The constant is the mean label, or the share of each class. `scores` are the scores
    of the validation rows.
    """
    cases = []
    for output in outputs:
        metric = output.task.PROPER_METRIC
        # With another loss than the default of its kind, a task may not predict means.
        loss_field = type(output.task).model_fields.get("loss")
        is_usual = loss_field is None or vars(output.task)["loss"] == loss_field.default
        if metric is None or not is_usual:
            continue
        value = scores.get(output.name, {}).get(metric.name)
        # For a constant prediction, R2 and D2 are 0, and normalised entropy is 1.
        value_of_constant = 0 if metric.direction == 1 else 1
        if value is not None and metric.direction * (value - value_of_constant) <= 0:
            cases.append(f"{output.name} ({metric.name} {format_metric(value)})")
    return line_if_any(
        "on the validation rows, these tasks are no better than a constant prediction; "
        "the features may say nothing about their labels, or there are too few "
        "training rows",
        cases,
    )


def predict_and_score(
    run: TrainedRun,
) -> tuple[dict[str, dict[str, Array]], dict[str, Scores]]:
    """Predicts the rows of each split, and scores the predictions.

    Scoring training rows that are streamed from disk takes long, so these rows are
    scored only if there are no other rows.
    """
    data = run.data
    splits = list(data.splits)
    if data.is_streamed and len(splits) > 1:
        splits.remove("train")
    predictions = {split: run.network.predict(data.splits[split]) for split in splits}
    scores = {}
    for split in sorted(splits):
        rows = data.splits[split]
        scenarios = None if data.scenarios is None else data.scenarios.of(rows)
        scores[split] = score_outputs(
            run.config.outputs, rows, predictions[split], scenarios
        )
    return predictions, scores


def print_paths(folder: RunFolder, target: Path, console: Console) -> None:
    """Prints the path of a run folder and of its report.

    `target` is where the folder will be in the end.
    """
    console.print_line(f"run folder: {short_path(target)}")
    if (folder.path / "report.html").exists():
        console.print_line(f"report:     {short_path(target / 'report.html')}")


def scenario_slices(run: TrainedRun, sample: Table) -> list[Slices]:
    """Returns one slice per scenario, even with few rows; [] without scenarios."""
    column, scenarios = run.config.dataset.scenario, run.data.scenarios
    if column is None or scenarios is None:
        return []
    rows = scenarios.of(sample)
    return [Slices(column, rows.names, rows.indices)]


def calibrate_predictions(run: TrainedRun, console: Console) -> None:
    """Calibrates the network on the validation rows; writes and prints the result."""
    from mtl_cli.training.calibration import calibrate

    calibrations = calibrate(run.config, run.network, run.data.splits.get("valid"))
    if not calibrations:
        return
    values = {name: asdict(calibration) for name, calibration in calibrations.items()}
    run.folder.write_json("calibration.json", values)
    texts = [f"{name} {calibration}" for name, calibration in calibrations.items()]
    console.print_line(f"calibrated on validation rows: {', '.join(texts)}")
    for name, calibration in calibrations.items():
        if calibration.rows_left_out:
            console.warn(
                f"{name}: {calibration.rows_left_out:,} validation rows are left out "
                "of the calibration, because their predictions are not finite numbers; "
                "look for huge numbers in their features"
            )
