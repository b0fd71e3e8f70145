"""The AUC of a single feature, and the check that no feature copies the label."""

import numpy as np

from mtl_cli.core.errors import DataError
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.data.table import Array, Table
from mtl_cli.heads.base import Output
from mtl_cli.metrics.auc import auc

# A column with a higher AUC or correlation may have been filled after the label was
# known. Such values are still unknown when the model predicts.
SUSPICIOUS_AUC = 0.99
MIN_ROWS = 100  # fewer rows give no reliable AUC
MIN_ROWS_PER_CLASS = 20  # a smaller class gives no reliable AUC
FIRST_ROWS = 1000  # enough rows to see that most features are not copies of a label


def feature_aucs(
    name: str, features: FeatureSet, outputs: list[Output], train: Table
) -> dict[str, float]:
    """Returns {output: the AUC that a feature alone reaches} for binary outputs.

    An output with too few rows is left out. The AUC of lists is the highest of three:
    by all values, by the first and by the last value of each list. A feature that
    copies the labels of an output is refused, also if only these first or last values
    do. `train` holds the sampled training rows.
    """
    values, rows = features.all_values(train.features, name)
    distinct, codes = np.unique(values, return_inverse=True)
    numbers = distinct if features.by_name[name].numeric else None
    is_list = features.layout.blocks[name].input == "sequences"
    aucs = {}
    for output in outputs:
        if output.added_by_heads:  # the task with the same label is checked
            continue
        is_counted = train.weights[output.name] > 0
        labels = train.labels[output.label][is_counted]
        if len(labels) < MIN_ROWS:
            continue
        counted_codes = codes[is_counted[rows]]
        codes_by_noun = {"values": counted_codes}  # {noun: one code per row}
        if is_list:
            row_among_counted = np.cumsum(is_counted) - 1  # (rows,)
            counted_rows = row_among_counted[rows[is_counted[rows]]]
            codes_by_noun = ends_of_lists(counted_codes, counted_rows, len(labels))
        for noun, row_codes in codes_by_noun.items():
            refuse_copy(name, output, labels, row_codes, noun)
        if not output.task.BINARY_LABELS:
            continue
        aucs_alone = [
            univariate_auc(labels, row_codes, numbers)
            for row_codes in codes_by_noun.values()
        ]
        if is_list:
            auc_of_all = univariate_auc(labels, counted_codes, None, counted_rows)
            aucs_alone.append(auc_of_all)
        if known_aucs := [auc for auc in aucs_alone if auc is not None]:
            aucs[output.name] = max(known_aucs)
    return aucs


def ends_of_lists(codes: Array, rows: Array, num_rows: int) -> dict[str, Array]:
    """Returns the codes, from 1, of the first and of the last value of each list.

    An empty list has the code 0. See `univariate_auc` for `codes` and `rows`.
    """
    first, last = np.zeros((2, num_rows), codes.dtype)
    # If an index occurs several times, NumPy keeps the last number assigned to it.
    first[rows[::-1]] = codes[::-1] + 1
    last[rows] = codes + 1
    return {"first values in the lists": first, "last values in the lists": last}


def univariate_auc(
    y: Array, codes: Array, numbers: Array | None, rows: Array | None = None
) -> float | None:
    """Returns the AUC that the values of a column alone reach on the labels 0 and 1.

    The score of a row is the fraction of positive rows among the rows with the same
    value, see `positive_fractions`, computed from a random half of the rows. The AUC
    comes from the other half. If the values are numbers, each row is also scored by its
    value, and by minus its value; the highest AUC is returned.

    In a column of lists, a naive Bayes classifier gives the score of a row: the sum of
    the log odds of the row's values. The odds of a value are the odds of label 1
    among the rows with this value, divided by the odds among all rows.

    Args:
        codes: the index of each value among the distinct values, (values,).
        numbers: the distinct values; None if they have no order.
        rows: the row number of each value, (values,); None if each row has one value.

    Returns: None with fewer than `MIN_ROWS_PER_CLASS` rows of a class.
    """
    positive = y > 0.5
    is_counted = random_half(len(y))
    is_scored = ~is_counted
    row_numbers = np.arange(len(y))
    aucs = []
    if has_enough_rows(positive[is_scored]):
        value_rows = row_numbers if rows is None else rows
        scores = positive_fractions(positive, codes, value_rows, is_counted)
        score_of_row = codes
        if rows is not None:
            mean = positive.mean()
            odds = scores / (1 - scores) / (mean / (1 - mean))
            scores = np.bincount(rows, np.log(odds)[codes], len(y))
            score_of_row = row_numbers
        aucs.append(auc_of_scores(positive[is_scored], score_of_row[is_scored], scores))
    if numbers is not None and has_enough_rows(positive):
        auc_by_number = auc_of_scores(positive, codes, numbers)
        # With the opposite sign, the scores have the AUC 1 - auc_by_number.
        aucs += [auc_by_number, 1 - auc_by_number]
    return max(aucs, default=None)


def has_enough_rows(positive: Array) -> bool:
    num_positive = int(positive.sum())
    return min(num_positive, len(positive) - num_positive) >= MIN_ROWS_PER_CLASS


def random_half(num_rows: int) -> Array:
    """Returns a mask of about half of the rows, the same at each call, (rows,)."""
    return np.random.default_rng(0).random(num_rows) < 0.5


def positive_fractions(
    positive: Array, codes: Array, rows: Array, is_counted: Array
) -> Array:
    """Returns the fraction of positive rows among the rows with each distinct value.

    The fractions are smoothed: each value is counted as if it had one more row, whose
    label is the mean of all labels. So the fraction of a rare value is near the mean.
    See `univariate_auc` for `codes` and `rows`. `is_counted` is a mask of rows.
    """
    num_values = int(codes.max(initial=-1)) + 1
    is_counted_value = is_counted[rows]
    counted_codes, counted_rows = codes[is_counted_value], rows[is_counted_value]
    counts = np.bincount(counted_codes, minlength=num_values)
    num_positive = np.bincount(counted_codes, positive[counted_rows], num_values)
    fractions: Array = (num_positive + positive.mean()) / (counts + 1)
    return fractions


def auc_of_scores(positive: Array, codes: Array, scores: Array) -> float:
    """Returns the AUC of rows whose score depends only on their value.

    For each distinct value, all positive rows are counted as one weighted row, and all
    negative rows as another: there are fewer rows to sort. Both labels must occur.
    `codes` are the index of each row's value in `scores`, (rows,).
    """
    positives = np.bincount(codes, positive, len(scores))
    negatives = np.bincount(codes, ~positive, len(scores))
    weights = np.concatenate([positives, negatives])
    is_present = weights > 0
    labels = np.repeat([1.0, 0.0], len(scores))[is_present]
    return auc(labels, np.tile(scores, 2)[is_present], weights[is_present])


def refuse_copy(
    feature: str, output: Output, labels: Array, values: Array, noun: str
) -> None:
    """Refuses a feature whose values correspond one to one to an output's labels.

    Both are the label or the value of each row, (rows,). `noun` names the values.
    """
    has_classes = output.task.HAS_CLASSES
    rounded_labels = [labels]
    if not has_classes:
        # Features are encoded as float32, some of them after their mean was subtracted.
        centred = labels - labels.mean()
        rounded_labels = [labels.astype("float32"), centred.astype("float32")]
    first = slice(FIRST_ROWS)
    if not any(
        is_one_to_one(values[first], y[first], has_classes)
        and is_one_to_one(values, y, has_classes)
        for y in rounded_labels
    ):
        return
    num_values = len(np.unique(values))
    # With fewer than two rows per class, classes and values may correspond by chance.
    if num_values < 2 or (has_classes and len(labels) < 2 * num_values):
        return
    raise DataError(
        f"dataset.features.{feature}: the {num_values:,} {noun} of this feature "
        f"correspond one to one to the labels of task {output.name} in all "
        f"{len(labels):,} rows looked at, so the model would see the answer; remove "
        "the feature"
    )


def is_one_to_one(values: Array, labels: Array, has_classes: bool) -> bool:
    """Whether each distinct value has one label, and each distinct label one value.

    Labels that are numbers must also rise or fall with the values. Otherwise a label
    that differs in every row would correspond to any column of ids that differ in every
    row.
    """
    distinct_labels, label_codes = np.unique(labels, return_inverse=True)
    distinct_values, value_codes = np.unique(values, return_inverse=True)
    num_labels = len(distinct_labels)
    # Each distinct pair as one number, sorted by value and then by label.
    pairs = np.unique(value_codes * num_labels + label_codes)
    if not num_labels == len(distinct_values) == len(pairs):
        return False
    # Each value has one label, so `pairs % num_labels` are the labels by value.
    differences = np.diff(pairs % num_labels)
    return has_classes or bool((differences > 0).all() or (differences < 0).all())
