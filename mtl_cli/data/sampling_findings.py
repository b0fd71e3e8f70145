"""Finds mistakes about the sampling of rows with label 0: the key `sampling_rate`.

- `revealing_rate_findings`: the column of rates reveals the label.
- `uncorrected_findings`: the sampling distorts outputs of other tasks.
- `unsampled_findings`: rows of another table or split seem not to be sampled.
"""

import math
from collections.abc import Mapping

from mtl_cli.data.label_findings import MIN_OF_CLASS
from mtl_cli.data.table import Table
from mtl_cli.heads.base import Output

# An output needs a correction only if more than this fraction of its rows has label 0
# in the sampled task. If fewer rows have this label, they are probably errors of
# labelling, such as a conversion without a click.
MIN_SAMPLED_FRACTION = 0.01
Counts = Mapping[str, int]  # see `tasks` in `Report`


def revealing_rate_findings(train: Table) -> list[str]:
    """Returns a line for each task whose column `sampling_rate` reveals the label.

    A row with the rate 0.1 says: of the rows like this row with label 0, one of ten was
    kept. Rows with label 1 need this rate too, although no row with label 1 was
    dropped. A common mistake is the rate 1 in all rows with label 1.
    """
    lines = []
    for name, log_rates in train.log_rates.items():
        is_positive = train.labels[name] == 1
        # The logarithm of the rate 1 is 0.
        if is_positive.any() and log_rates.any() and not log_rates[is_positive].any():
            lines.append(
                f"the sampling_rate of {name} is 1 in all rows with label 1, so the "
                "probabilities are wrong; give such a row the rate of the rows with "
                "label 0 that are like it"
            )
    return lines


def uncorrected_findings(outputs: list[Output], train: Table) -> list[str]:
    """Returns a line for each sampled task whose sampling distorts other outputs.

    If the data keep only some of the rows without a click, then other outputs that
    count rows without a click need a correction too. The `sampling_rate` of the click
    task corrects only outputs whose `sampled_task` is the click task.
    """
    lines = []
    for sampled_output in outputs:
        name = sampled_output.name
        if not sampled_output.task.lacks_negatives or name not in train.labels:
            continue
        if uncorrected := uncorrected_outputs(name, outputs, train):
            lines.append(
                f"the data keep only a share of the rows with {name} = 0 "
                f"(dataset.tasks.{name}.sampling_rate), and nothing corrects "
                f"{', '.join(uncorrected)} for this, so their predictions and metrics "
                f"hold for the sampled rows; give them the space {name}, or replace "
                "sampling_rate by dataset.weight_column, or, for binary steps of a "
                f"funnel that begins with {name}, set model.heads=funnel"
            )
    return lines


def uncorrected_outputs(
    sampled_task: str, outputs: list[Output], train: Table
) -> list[str]:
    """Returns the outputs without correction that count rows of a sampled task.

    The sampled rows are the rows with label 0 in the task.
    """
    is_sampled = train.labels[sampled_task] == 0
    names = []
    for output in outputs:
        # The weights in `population` correct an output.
        if output.name in train.population:
            continue
        is_counted = train.weights[output.name] > 0
        num_sampled = (is_counted & is_sampled).sum()
        if num_sampled > MIN_SAMPLED_FRACTION * is_counted.sum():
            names.append(output.name)
    return names


def unsampled_findings(
    outputs: list[Output], counts_by_output: Mapping[str, Mapping[str, Counts]]
) -> list[str]:
    """Returns a line for each output and table whose rows seem not to be sampled.

    If `sampling_rate` is a number, the rate holds for the rows of every table, also for
    the rows of a table that was not sampled. In such a table, the share of label 1 is
    lower than in the training rows, and the metrics are wrong.

    Args:
        counts_by_output: {output: {table or split: the counts of its rows}}. One of
            the tables or splits is `train`.
    """
    lines = []
    for output in outputs:
        rate, counts = output.task.kept_negatives, counts_by_output[output.name]
        # Other outputs with this rate count the same rows.
        if rate == 1 or output.sampled_task != output.name:
            continue
        train_log_odds = log_odds(counts["train"])
        if train_log_odds is None:
            continue
        for name in counts:
            log_odds_of_rows = log_odds(counts[name])
            if log_odds_of_rows is None:
                continue
            # Sampling with the rate r multiplies the odds by 1 / r. So the difference
            # is log(r) if these rows are not sampled, and 0 if they are.
            if log_odds_of_rows - train_log_odds < math.log(rate) / 2:
                lines.append(unsampled_rows_finding(output.name, rate, counts, name))
    return lines


def unsampled_rows_finding(
    task: str, rate: float, counts: Mapping[str, Counts], name: str
) -> str:
    """Returns the line about the table or split `name`, see `unsampled_findings`."""
    return (
        f"{task} is 1 in {share_of_positives(counts, name)}, but in "
        f"{share_of_positives(counts, 'train')}: the {name} rows seem to hold "
        f"all rows with {task} = 0, but sampling_rate {rate:g} counts each of them "
        f"{1 / rate:g} times, so that metrics are wrong; sample these rows like the "
        "training rows, or train with a column of rates as sampling_rate"
    )


def share_of_positives(counts: Mapping[str, Counts], name: str) -> str:
    """Returns the share of rows with label 1, such as `6.2% of the test rows`."""
    return f"{counts[name]['positives'] / counts[name]['rows']:.1%} of the {name} rows"


def log_odds(counts: Counts) -> float | None:
    """Returns the logarithm of the odds of label 1; None with too few rows."""
    num_positive = counts["positives"]
    num_negative = counts["rows"] - num_positive
    if min(num_positive, num_negative) < MIN_OF_CLASS:
        return None
    return math.log(num_positive / num_negative)
