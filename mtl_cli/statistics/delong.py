"""The contributions of single rows to the AUC, from which the AUC's variance follows.

Reference: DeLong et al., Biometrics 1988; Sun and Xu, IEEE SPL 2014.
"""

import numpy as np

from mtl_cli.metrics.metric import Floats


def delong_components(
    label: Floats, predictions: list[Floats]
) -> tuple[Floats, Floats]:
    """Returns the contribution of each row to the AUC, averaged over seeds.

    A positive row contributes the fraction of negative rows that are ranked below it, a
    negative row the fraction of positive rows that are ranked above it. Equal
    predictions count half. The mean contribution of the positive rows is the AUC. The
    mean contribution of the negative rows is the AUC, too. Sorting finds all
    contributions in O(N log N) for N rows.

    Args:
        label: 0 or 1, (rows,).
        predictions: the predictions of each seed, each (rows,).

    Returns: the contributions of the positive rows, (positives,), and of the negative
        rows, (negatives,).
    """
    positive = label > 0.5
    of_positives, of_negatives = np.zeros(positive.sum()), np.zeros((~positive).sum())
    for prediction in predictions:
        of_positives += fraction_below(prediction[~positive], prediction[positive])
        of_negatives += 1 - fraction_below(prediction[positive], prediction[~positive])
    return of_positives / len(predictions), of_negatives / len(predictions)


def standard_error(positives: Floats, negatives: Floats) -> float:
    """Returns the standard error of an AUC, or of a difference of AUCs.

    Args:
        positives: the contributions of the positive rows, see `delong_components`, or
            the differences of the contributions to two AUCs.
        negatives: the same for the negative rows.
    """
    variance = positives.var(ddof=1) / len(positives)
    variance += negatives.var(ddof=1) / len(negatives)
    return float(np.sqrt(variance))


def macro_auc_influence(label: Floats, prediction: Floats) -> Floats:
    """Returns by how much each row shifts the macro AUC; the sum over rows is 0.

    The macro AUC is the mean of K AUCs: for each of the K classes c, the AUC of class c
    against all other rows. A row contributes v_c to AUC_c, see `delong_components`. The
    influence of the row on the macro AUC is

        1/K sum over c of (v_c - AUC_c) / m_c,

    where m_c is the number of rows of class c if the row is of class c, and the number
    of all other rows if not. The variance of the macro AUC follows from the squared
    influences. The variance must not be computed as the sum of the K variances: the K
    AUCs are not independent, since each uses all rows.

    Args:
        label: the index of each row's class, (rows,). At least two classes occur.
        prediction: the probability of each class, (rows, classes).

    Returns: the influence of each row, (rows,).
    """
    classes = np.unique(label)
    influence = np.zeros(len(label))
    for class_index in classes.astype("int64"):
        in_class = label == class_index
        components = delong_components(1.0 * in_class, [prediction[:, class_index]])
        for mask, v in zip((in_class, ~in_class), components, strict=True):
            influence[mask] += (v - v.mean()) / (len(v) * len(classes))
    return influence


def fraction_below(values: Floats, limits: Floats) -> Floats:
    """Returns the fraction of values below each limit; equal values count half."""
    ordered = np.sort(values)
    num_below = np.searchsorted(ordered, limits, "left")
    num_up_to = np.searchsorted(ordered, limits, "right")  # below or equal
    fraction: Floats = (num_below + num_up_to) / (2 * len(values))
    return fraction
