"""The AUC that each feature alone reaches; refuses a feature that copies the labels."""

import numpy as np

from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.data.table import Array, Table
from mtl_cli.data.univariate_auc import list_auc, refuse_copy, univariate_auc
from mtl_cli.heads.base import Output

MIN_ROWS = 100  # fewer rows give no reliable AUC


def feature_aucs(
    name: str, features: FeatureSet, outputs: list[Output], train: Table
) -> dict[str, float]:
    """Returns {output: the AUC that a feature alone reaches} for binary outputs.

    An output with too few rows is left out. The AUC of lists is the highest of three:
    by all values, by the first value of each list, and by the last value. `train` holds
    the sampled training rows.

    Raises:
        DataError: if the feature copies the labels of an output, in lists by their
            first or their last values.
    """
    values, rows = features.all_values(train.features, name)
    distinct, codes = np.unique(values, return_inverse=True)
    numbers = distinct if features.by_name[name].numeric else None
    is_list = features.layout.blocks[name].input == "sequences"
    aucs: dict[str, float] = {}
    for output in outputs:
        if output.added_by_heads:  # the task with the same label is checked
            continue
        is_counted = train.weights[output.name] > 0
        labels = train.labels[output.label][is_counted]
        if len(labels) < MIN_ROWS:
            continue
        counted_codes, counted_rows = values_in_rows(codes, rows, is_counted)
        # {place in the lists: one code per row}
        codes_by_place = {"": counted_codes}
        if is_list:
            num_rows = len(labels)
            # The code 0 is for empty lists.
            codes_by_place = first_and_last(counted_codes + 1, counted_rows, num_rows)
        for place, row_codes in codes_by_place.items():
            refuse_copy(name, output, labels, row_codes, place)
        if not output.task.BINARY_LABELS:
            continue
        aucs_or_none = [
            univariate_auc(labels, row_codes, numbers)
            for row_codes in codes_by_place.values()
        ]
        if is_list:
            aucs_or_none.append(list_auc(labels, counted_codes, counted_rows))
        if known_aucs := [auc for auc in aucs_or_none if auc is not None]:
            aucs[output.name] = max(known_aucs)
    return aucs


def values_in_rows(
    values: Array, rows: Array, is_selected: Array
) -> tuple[Array, Array]:
    """Returns the values in selected rows, and the rows' numbers among these rows.

    Args:
        values: the values of all rows, (values,).
        rows: the row number of each value, (values,).
        is_selected: a mask of the rows, (rows,).
    """
    is_in_selected = is_selected[rows]
    new_rows = np.cumsum(is_selected) - 1  # (rows,)
    return values[is_in_selected], new_rows[rows[is_in_selected]]


def first_and_last(values: Array, rows: Array, num_rows: int) -> dict[str, Array]:
    """Returns the `first` and the `last` value of the list of each row, (rows,) each.

    An empty list has the value 0.

    Args:
        values: the values of all lists, in the order of their rows, (values,).
        rows: the row number of each value, (values,).
    """
    is_first = np.diff(rows, prepend=-1) > 0
    is_last = np.diff(rows, append=num_rows) > 0
    values_by_place = {}
    for place, is_there in (("first", is_first), ("last", is_last)):
        values_by_place[place] = np.zeros(num_rows, values.dtype)
        values_by_place[place][rows[is_there]] = values[is_there]
    return values_by_place
