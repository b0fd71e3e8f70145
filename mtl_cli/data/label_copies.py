"""Refuses features that are copies of a label."""

import numpy as np

from mtl_cli.core.errors import DataError
from mtl_cli.data.table import Array
from mtl_cli.heads.base import Output

FIRST_ROWS = 1000  # enough to see that most features are no copies


def refuse_copy(feature: str, output: Output, labels: Array, values: Array) -> None:
    """Refuses a feature whose values correspond one to one to the values of a label.

    Args:
        feature: the feature's name.
        output: the output whose labels are compared.
        labels: the labels, (rows,).
        values: the feature's values in the same rows, (rows,).

    Raises:
        DataError: if the feature is a copy of the label.
    """
    has_classes = output.task.HAS_CLASSES
    candidates = [labels]
    if not has_classes:
        # Features are float32. Large numbers are rounded, unless they were centred.
        candidates = [x.astype("float32") for x in (labels, labels - labels.mean())]
    pairs = max(pairs_if_copy(has_classes, x, values) for x in candidates)
    # With many classes of few rows each, the values may correspond by chance.
    if pairs < 2 or (has_classes and 2 * pairs > len(labels)):
        return
    raise DataError(
        f"dataset.features.{feature}: the {pairs:,} values of this feature correspond "
        f"one to one to the labels of task {output.name} in all {len(labels):,} rows "
        "looked at, so the model would see the answer; remove the feature"
    )


def pairs_if_copy(has_classes: bool, labels: Array, values: Array) -> int:
    """Returns `num_pairs` of all rows, or 0 if the first rows are no copies."""
    if not num_pairs(has_classes, labels[:FIRST_ROWS], values[:FIRST_ROWS]):
        return 0
    return num_pairs(has_classes, labels, values)


def num_pairs(has_classes: bool, labels: Array, values: Array) -> int:
    """Returns the number of distinct labels if values correspond to them one to one.

    Labels that are numbers must also rise or fall with the values. Otherwise a label
    that differs in every row would correspond to any column of ids that differ in every
    row.

    Args:
        has_classes: whether the labels are classes, not numbers.
        labels: the labels, (rows,).
        values: the values of a feature, (rows,).

    Returns: 0 if labels and values do not correspond one to one.
    """
    distinct_labels, label_codes = np.unique(labels, return_inverse=True)
    distinct_values, value_codes = np.unique(values, return_inverse=True)
    size = len(distinct_labels)
    pairs = np.unique(value_codes * size + label_codes)
    if not size == len(distinct_values) == len(pairs):
        return 0
    steps = np.diff(pairs % size)  # from the label of one value to the next value's
    is_monotone = bool((steps > 0).all() or (steps < 0).all())
    return size if has_classes or is_monotone else 0
