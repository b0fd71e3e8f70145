"""Refuses features that are copies of a label."""

import numpy as np

from mtl_cli.core.errors import DataError
from mtl_cli.data.table import Array
from mtl_cli.heads.base import Output

FIRST_ROWS = 1000  # enough rows to see that most features are not copies


def refuse_copy(feature: str, output: Output, labels: Array, values: Array) -> None:
    """Refuses a feature whose values correspond one to one to the values of a label.

    Args:
        feature: the feature's name.
        output: the output whose labels are compared.
        labels: the labels, (rows,).
        values: the feature's encoded values in the same rows, (rows,).

    Raises:
        DataError: if the feature is a copy of the label.
    """
    has_classes = output.task.HAS_CLASSES
    rounded_labels = [labels]
    if not has_classes:
        # Features are encoded as float32, some of them after the mean was subtracted.
        # So the labels are rounded in both ways before the comparison.
        centred = labels - labels.mean()
        rounded_labels = [labels.astype("float32"), centred.astype("float32")]
    num_pairs = 0
    for y in rounded_labels:
        if count_pairs(has_classes, y[:FIRST_ROWS], values[:FIRST_ROWS]):
            num_pairs = max(num_pairs, count_pairs(has_classes, y, values))
    # If there are many classes with few rows each, they may correspond by chance.
    if num_pairs < 2 or (has_classes and 2 * num_pairs > len(labels)):
        return
    raise DataError(
        f"dataset.features.{feature}: the {num_pairs:,} values of this feature "
        f"correspond one to one to the labels of task {output.name} in all "
        f"{len(labels):,} rows looked at, so the model would see the answer; remove "
        "the feature"
    )


def count_pairs(has_classes: bool, labels: Array, values: Array) -> int:
    """Counts the distinct pairs (value, label) if the correspondence is one to one.

    Labels that are numbers must also rise or fall with the values. Otherwise a label
    that differs in every row would correspond to any column of ids that differ in every
    row.

    Args:
        has_classes: whether the labels are classes, not numbers.
        labels: the labels, (rows,).
        values: the values of a feature, (rows,).

    Returns: 0 if the correspondence is not one to one.
    """
    distinct_labels, label_codes = np.unique(labels, return_inverse=True)
    distinct_values, value_codes = np.unique(values, return_inverse=True)
    num_labels = len(distinct_labels)
    # Each distinct pair as one number, sorted by value and then by label.
    pairs = np.unique(value_codes * num_labels + label_codes)
    if not num_labels == len(distinct_values) == len(pairs):
        return 0
    # Each value has one label, so `pairs % num_labels` are the labels by value.
    differences = np.diff(pairs % num_labels)
    is_monotone = bool((differences > 0).all() or (differences < 0).all())
    return num_labels if has_classes or is_monotone else 0
