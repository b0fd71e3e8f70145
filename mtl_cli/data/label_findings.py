"""Finds odd properties of the labels. Such properties often come from mistakes."""

import math
from collections.abc import Mapping

from mtl_cli.core.message_text import line_if_any
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.report import Report
from mtl_cli.data.table import Table
from mtl_cli.heads.base import Output
from mtl_cli.tasks.base import Task

# Thresholds from which on an odd property is reported.
# With fewer rows, or fewer rows of a class, two epochs differ mostly by chance.
MIN_VALID_ROWS, MIN_VALID_OF_CLASS = 50, 20
# Splits with fewer labels are not checked, because all their metrics are uncertain.
MIN_LABELS = 1000
MIN_OF_CLASS = 50  # a class with fewer rows makes the AUC uncertain by about 0.08
# If a smaller fraction of an output's rows has label 0 in a sampled task, these labels
# are probably errors, such as a conversion without a click.
MIN_SAMPLED_FRACTION = 0.01
# Each row with label 0 stands for this many rows on average, or the sampling is too
# weak to tell whether weights undo it too.
MIN_CORRECTION = 1.5
Counts = Mapping[str, int]  # see `tasks` in `Report`


def rare_class_findings(report: Report) -> list[str]:
    """Returns a line about binary outputs with few rows of a class."""
    cases = []
    for output, by_split in report["tasks"].items():
        for split, counts in by_split.items():
            num_rows = counts["rows"]
            num_positive = counts.get("positives")  # None if the output is not binary
            if num_positive is None or num_rows < MIN_LABELS:
                continue
            num_of_class = min(num_positive, num_rows - num_positive)
            if num_of_class < MIN_OF_CLASS:
                cases.append(f"{output} ({split} {num_of_class})")
    return line_if_any(
        f"these tasks have fewer than {MIN_OF_CLASS} rows of a class, so an AUC there "
        "is uncertain by 0.08 or more",
        cases,
    )


def few_valid_rows_findings(outputs: list[Output], valid: Table) -> list[str]:
    """Returns a line about outputs whose few validation rows choose the kept epoch.

    A binary output also needs enough rows of each class. `outputs` are the outputs that
    early stopping watches. These tasks may differ between runs that share a cached
    report, so the line is not part of the report.
    """
    cases = []
    for output in outputs:
        labels = valid.labels[output.label][valid.weights[output.name] > 0]
        num_rows, num_positive = len(labels), int((labels == 1).sum())
        num_of_class = min(num_positive, num_rows - num_positive)
        if num_rows < MIN_VALID_ROWS:
            cases.append(f"{output.name} ({num_rows})")
        elif output.task.BINARY_LABELS and num_of_class < MIN_VALID_OF_CLASS:
            rare = "1" if num_of_class == num_positive else "0"
            cases.append(f"{output.name} ({num_of_class} with label {rare})")
    return line_if_any(
        f"fewer than {MIN_VALID_ROWS} validation rows of these tasks, or fewer than "
        f"{MIN_VALID_OF_CLASS} of a class, decide which epoch is kept, so the kept "
        "model may be worse than a constant prediction; take more validation rows "
        "(dataset.valid_fraction, or dataset.valid), or set trainer.patience=null and "
        "fewer trainer.epochs",
        cases,
    )


def uncorrected_findings(outputs: list[Output], train: Table) -> list[str]:
    """Returns a line for each task whose `sampling_rate` distorts other outputs.

    If the data keep only some of the rows without a click, then other outputs that
    count rows without a click need a correction too. The `sampling_rate` of the click
    task corrects only outputs whose `sampled_task` is the click task.
    """
    lines = []
    for sampled_output in outputs:
        name = sampled_output.name
        if not sampled_output.task.lacks_negatives or name not in train.labels:
            continue
        is_sampled = train.labels[name] == 0
        uncorrected = []
        for output in outputs:
            is_counted = train.weights[output.name] > 0
            num_sampled = (is_counted & is_sampled).sum()
            is_distorted = num_sampled > MIN_SAMPLED_FRACTION * is_counted.sum()
            # The weights in `population` correct an output.
            if is_distorted and output.name not in train.population:
                uncorrected.append(output.name)
        if uncorrected:
            lines.append(
                f"the data keep only a share of the rows with {name} = 0 "
                f"(dataset.tasks.{name}.sampling_rate), and nothing corrects "
                f"{', '.join(uncorrected)} for this, so their predictions and metrics "
                f"hold for the sampled rows; give them the space {name}, or replace "
                "sampling_rate by dataset.weight_column, or, for binary steps of a "
                f"funnel that begins with {name}, set model.heads=funnel"
            )
    return lines


def read_as_feature_findings(dataset: Dataset, tasks: Mapping[str, Task]) -> list[str]:
    """Returns a line about features that read sampling rates or weights of rows."""
    keys = {
        task.kept_negatives_column: f"dataset.tasks.{name}.sampling_rate"
        for name, task in tasks.items()
    } | {dataset.weight_column: "dataset.weight_column"}
    return line_if_any(
        "these features read a column of sampling rates or of row weights, so each row "
        "to predict needs the column, and its number changes the prediction; remove "
        "the features",
        [
            f"{feature} ({keys[column]})"
            for feature, column in dataset.feature_columns
            if column in keys
        ],
    )


def revealing_rate_findings(train: Table) -> list[str]:
    """Returns a line for each column of sampling rates that reveals the label.

    Rows with label 1 need the rate of rows like them with label 0. A common mistake is
    the rate 1 in all rows with label 1.
    """
    return [
        f"the sampling_rate of {name} is 1 in all rows with label 1, so the "
        "probabilities are wrong; give such a row the rate of the rows with label 0 "
        "that are like it"
        for name, log_rates in train.log_rates.items()
        if log_rates.any() and not log_rates[train.labels[name] == 1].any()
    ]


def corrected_twice_findings(outputs: list[Output], train: Table) -> list[str]:
    """Returns a line for each `sampling_rate` that row weights seem to undo too.

    Such weights are 1 / rate in rows with label 0, and 1 in rows with label 1.
    """
    lines = []
    for output in sampled_outputs(outputs):
        name = output.name
        weights = train.weights[name].astype("float64")
        is_counted, is_positive = weights > 0, train.labels[name] == 1
        positives, negatives = is_counted & is_positive, is_counted & ~is_positive
        if min(positives.sum(), negatives.sum()) < MIN_OF_CLASS:
            continue
        correction = (train.population[name][negatives] / weights[negatives]).mean()
        ratio = weights[negatives].mean() / weights[positives].mean()
        if correction >= MIN_CORRECTION and ratio > math.sqrt(correction):
            lines.append(
                f"dataset.weight_column gives rows with {name} = 0 a weight "
                f"{ratio:.3g} times that of rows with {name} = 1, and "
                f"dataset.tasks.{name}.sampling_rate counts them {correction:.3g} "
                "times; if both undo the same sampling, predictions are too low: keep "
                "only one of these keys"
            )
    return lines


def unsampled_findings(
    outputs: list[Output], counts_by_output: Mapping[str, Mapping[str, Counts]]
) -> list[str]:
    """Returns a line for each output and split whose rows seem not to be sampled.

    A table of all rows has a lower share of label 1 than a sampled table with the same
    `sampling_rate`, a number or a column. `counts_by_output` is {output: {split: the
    counts of its rows}}, see `Report`.
    """
    lines = []
    for output in sampled_outputs(outputs):
        name, column = output.name, output.task.kept_negatives_column
        if column is None:
            fix = "sample these rows like the training rows, or train with a column of "
            fix += "rates as sampling_rate"
        else:
            fix = f"write the rate 1 into the column '{column}' of these rows"
        counts_by_split = counts_by_output[name]
        train_odds = odds_of_1(counts_by_split["train"])
        train_rate = kept_share(counts_by_split["train"])
        for split, counts in counts_by_split.items():
            odds, rate = odds_of_1(counts), kept_share(counts)
            # Sampling with the rate r multiplies the odds of label 1 by 1 / r.
            if odds < train_odds * train_rate / math.sqrt(rate) and rate < 1:
                lines.append(
                    f"the {split} rows seem to hold all rows with {name} = 0 (the odds "
                    f"of {name} = 1 are {odds:.3g}, but {train_odds:.3g} in the "
                    "training rows), and sampling_rate counts each of them "
                    f"{1 / rate:.3g} times, so metrics are wrong; {fix}"
                )
    return lines


def sampled_outputs(outputs: list[Output]) -> list[Output]:
    """Returns the outputs of the tasks with a `sampling_rate`.

    Outputs that heads add may have the rate of such a task, but count the same rows.
    """
    return [
        output
        for output in outputs
        if output.sampled_task == output.name and output.task.lacks_negatives
    ]


def kept_share(counts: Counts) -> float:
    """Returns the share of the rows with label 0 that the table holds."""
    num_negative = counts["rows"] - counts["positives"]
    unsampled = counts.get("unsampled_negatives", num_negative)
    return num_negative / unsampled if num_negative else 1.0


def odds_of_1(counts: Counts) -> float:
    """Returns the odds of label 1; NaN with too few rows, so that nothing is found."""
    num_positive = counts["positives"]
    num_negative = counts["rows"] - num_positive
    if min(num_positive, num_negative) < MIN_OF_CLASS:
        return math.nan
    return num_positive / num_negative
