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


def share_below(values: Floats, limits: Floats) -> Floats:
    """Returns the share of values below each limit; equal values count half."""
    ordered = np.sort(values)
    left = np.searchsorted(ordered, limits, "left")
    right = np.searchsorted(ordered, limits, "right")
    share: Floats = (left + right) / (2 * len(values))
    return share
