"""Finds odd properties of the labels. Such properties often come from mistakes."""

from collections.abc import Mapping

from mtl_cli.columns.labels import LabelSummary
from mtl_cli.core.message_text import line_if_any
from mtl_cli.data.report import Report
from mtl_cli.data.sampling_correction import labels_for_initial_bias
from mtl_cli.data.table import Table
from mtl_cli.heads.base import Output

# Thresholds from which on an odd property is reported.
# With fewer rows, or fewer rows of a class, two epochs differ mostly by chance.
MIN_VALID_ROWS, MIN_VALID_OF_CLASS = 50, 20
MAX_VARIANCE_FRACTION = 0.5  # of the variance of a split's labels, from one label
# Limits of the standard deviation of the numbers that a regression learns.
MIN_DEVIATION, MAX_DEVIATION = 0.1, 10.0
# Splits with fewer labels are not checked, because all their metrics are uncertain.
MIN_LABELS = 1000
MIN_OF_CLASS = 50  # a class with fewer rows makes the AUC uncertain by about 0.08
LABEL_ROWS = 1_000_000  # the number of labels to read at a time


def rare_class_findings(report: Report) -> list[str]:
    """Returns the lines about outputs with few rows of a class.

    A binary output is checked in all splits. An output with several classes is checked
    in the training rows only, because its metrics depend less on a single class.
    """
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
    lines = line_if_any(
        f"these tasks have fewer than {MIN_OF_CLASS} rows of a class, so an AUC there "
        "is uncertain by 0.08 or more",
        cases,
    )
    rare_classes = [
        f"{output} {name} ({count})"
        for output, by_split in report["class_rows"].items()
        for name, count in by_split["train"].items()
        if count < MIN_OF_CLASS
        and report["tasks"][output]["train"]["rows"] >= MIN_LABELS
    ]
    return lines + line_if_any(
        f"these classes have fewer than {MIN_OF_CLASS} training rows, so little is "
        "learnt about them, and a class without rows is never predicted",
        rare_classes,
    )


def outlier_findings(outputs: list[Output], splits: Mapping[str, Table]) -> list[str]:
    """Returns a line if one row makes most of the variance of a task's labels.

    Such a label is usually a mistake, and errors on this row then decide `r2`, `rmse`
    and the loss.
    """
    cases = []
    for output in outputs:
        if output.task.HAS_CLASSES:
            continue
        for split, table in splits.items():
            labels, weights = table.labels[output.label], table.weights[output.name]
            summary = LabelSummary()
            for start in range(0, len(labels), LABEL_ROWS):
                rows = slice(start, start + LABEL_ROWS)
                summary.add(labels[rows][weights[rows] > 0].astype("float64"))
            farthest = max(
                (summary.highest, summary.lowest), key=lambda x: abs(x - summary.mean)
            )
            limit = MAX_VARIANCE_FRACTION * summary.squared_deviations
            is_outlier = (farthest - summary.mean) ** 2 > limit
            if summary.count >= MIN_LABELS and is_outlier:
                cases.append(f"{output.name} ({split} {farthest:.12g})")
    return line_if_any(
        "in these tasks one label makes more than half of the variance, so it decides "
        "r2, rmse and the loss; if the label is a mistake, empty its cell",
        cases,
    )


def scale_findings(outputs: list[Output], train: Table) -> list[str]:
    """Returns a line about regressions whose labels vary far too much or too little.

    A network learns fast if the standard deviation of the labels is near 1. If labels
    vary more, the loss of their task drowns the losses of the other tasks.
    """
    cases = []
    for output in outputs:
        labels, _ = labels_for_initial_bias(train, output, LABEL_ROWS)
        targets = output.task.unscaled_targets(labels)
        if targets is None or not len(targets):
            continue
        summary = LabelSummary()
        summary.add(targets)
        deviation = summary.standard_deviation
        # Equal labels have the deviation 0. No scale makes them differ.
        if 0 < deviation < MIN_DEVIATION or deviation > MAX_DEVIATION:
            cases.append(f"{output.name} ({deviation:.3g})")
    return line_if_any(
        "the labels of these tasks, after their `transform`, have a standard deviation "
        "far from 1, so these or the other tasks learn badly; set `transform: "
        "standard`; for amounts, `kind: wlr` helps too",
        cases,
    )


def few_valid_rows_findings(outputs: list[Output], valid: Table) -> list[str]:
    """Returns a line about outputs whose few validation rows choose the kept epoch.

    A binary output also needs enough rows of each class. `outputs` are the outputs that
    early stopping watches. They may differ between runs that share a cached report, so
    the line is not part of the report.
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
