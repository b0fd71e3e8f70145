"""The contributions of rows to the AUC, from which its variance follows.

Reference: DeLong et al., Biometrics 1988; Sun and Xu, IEEE SPL 2014.
"""

import numpy as np

from mtl_cli.metrics.metric import Floats


def delong_parts(label: Floats, predictions: list[Floats]) -> tuple[Floats, Floats]:
    """Returns each row's contribution to the AUC, as its mean over seeds.

    A positive row contributes the share of negative rows ranked below it, a negative
    row the share of positive rows ranked above it; ties count half. The mean over the
    rows of either class is the AUC. The ranks are found in O(rows log rows).

    Args:
        label: 0 or 1, (rows,).
        predictions: the predictions of each seed, each (rows,).

    Returns: the contributions of the positive rows, (positives,), and of the negative
        rows, (negatives,).
    """
    positive = label > 0.5
    of_positives, of_negatives = np.zeros(positive.sum()), np.zeros((~positive).sum())
    for prediction in predictions:
        of_positives += share_below(prediction[~positive], prediction[positive])
        of_negatives += 1 - share_below(prediction[positive], prediction[~positive])
    return of_positives / len(predictions), of_negatives / len(predictions)


def macro_auc_influence(label: Floats, prediction: Floats) -> Floats:
    """Returns by how much each row moves the macro AUC; the sum over rows is 0.

    The macro AUC is the mean of K AUCs, of each class c against all other rows. A row
    has a contribution v_c to each (see `delong_parts`), and deviates from its mean:

        influence = 1/K sum over c of (v_c - AUC_c) / (n_c or N - n_c),

    with the number of rows n_c if the row is of class c, and N - n_c if not. The
    deviations of one row are added before they are squared: the AUCs share all rows.

    Args:
        label: the number of each row's class, (rows,). At least two classes occur.
        prediction: the probability of each class, (rows, classes).

    Returns: the influence of each row, (rows,).
    """
    classes = np.unique(label)
    influence = np.zeros(len(label))
    for number in classes.astype("int64"):
        inside = label == number
        parts = delong_parts(1.0 * inside, [prediction[:, number]])
        for rows, class_parts in zip((inside, ~inside), parts, strict=True):
            influence[rows] += (class_parts - class_parts.mean()) / (
                len(class_parts) * len(classes)
            )
    return influence


def share_below(values: Floats, limits: Floats) -> Floats:
    """Returns the share of values below each limit; equal values count half."""
    ordered = np.sort(values)
    left = np.searchsorted(ordered, limits, "left")
    right = np.searchsorted(ordered, limits, "right")
    share: Floats = (left + right) / (2 * len(values))
    return share
