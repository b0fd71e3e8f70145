"""The influence of single rows on the AUC, from which the AUC's variance follows.

Rows may have weights. A row of weight 2 counts as two rows in the AUC, but is one row
that another sample would replace. If all weights are equal, the variance is the one of
DeLong et al., Biometrics 1988, computed as in Sun and Xu, IEEE SPL 2014.
"""

import numpy as np

from mtl_cli.metrics.metric import Floats, UndefinedError


def auc_influence(
    label: Floats, prediction: Floats, weight: Floats
) -> tuple[float, Floats]:
    """Returns the AUC, and by how much each row shifts the AUC.

    Let v_i be the fraction of negative rows that are ranked below a positive row i, or
    the fraction of positive rows that are ranked above a negative row i. Both are
    fractions of weights, and equal predictions count half. The weighted mean of v_i
    over the positive rows is the AUC. The weighted mean over the negative rows is the
    AUC, too. The influence of row i is

        w_i (v_i - AUC) / W,

    where w_i is the weight of the row and W is the sum of the weights of the row's
    class. The influences of each class sum up to 0. Sorting finds all influences in
    O(N log N) for N rows.

    Args:
        label: 0 or 1, (rows,).
        prediction: the predictions, (rows,).
        weight: the weights, above 0, (rows,).

    Returns: the AUC, and the influence of each row, (rows,).

    Raises:
        UndefinedError: if all rows are of one class.
    """
    if len(np.unique(label)) < 2:
        raise UndefinedError("one class only")
    order = np.argsort(prediction)
    scores, positive, weights = prediction[order], label[order] > 0.5, weight[order]
    is_new_score = np.concatenate(([True], scores[1:] != scores[:-1]))
    starts, score_index = np.flatnonzero(is_new_score), np.cumsum(is_new_score) - 1

    def fraction_below(of_class: Floats) -> Floats:
        """Returns the fraction of a class's weight below each row; ties count half."""
        at_score = np.add.reduceat(of_class, starts)
        up_to_score = np.cumsum(at_score)
        at_score = (up_to_score - at_score / 2) / up_to_score[-1]
        at_row: Floats = at_score[score_index]
        return at_row

    positive_weights = np.where(positive, weights, 0)
    v = np.where(
        positive,
        fraction_below(weights - positive_weights),
        1 - fraction_below(positive_weights),
    )
    auc = float(np.average(v[positive], weights=weights[positive]))
    total = positive_weights.sum()
    influence = np.empty(len(order))
    influence[order] = (
        weights * (v - auc) / np.where(positive, total, weights.sum() - total)
    )
    return auc, influence


def macro_auc_influence(
    label: Floats, prediction: Floats, weight: Floats
) -> tuple[float, Floats]:
    """Returns the macro AUC, and by how much each row shifts the macro AUC.

    The macro AUC is the mean of K AUCs: for each of the K classes c, the AUC of class c
    against all other rows. The influence of a row is the mean of its K influences. The
    variance of the macro AUC must not be computed as the sum of the K variances: the K
    AUCs are not independent, since each uses all rows.

    Args:
        label: the index of each row's class, (rows,). At least two classes occur.
        prediction: the probability of each class, (rows, classes).
        weight: the weights, above 0, (rows,).

    Returns: the macro AUC, and the influence of each row, (rows,).
    """
    aucs, influences = zip(
        *(
            auc_influence(1.0 * (label == c), prediction[:, c], weight)
            for c in np.unique(label).astype("int64")
        ),
        strict=True,
    )
    return float(np.mean(aucs)), np.mean(influences, axis=0)


def standard_error(label: Floats, influence: Floats) -> float:
    """Returns the standard error of an AUC or a macro AUC, or of a difference of two.

    The variance has two parts. Within a class, the influences of the rows vary. Between
    classes, the mean influences of a macro AUC differ: another sample has other
    fractions of the classes, and these fractions shift the macro AUC, too. The mean
    influences of an AUC are 0.

    Args:
        label: the class of each row, (rows,). Each class that occurs has two rows.
        influence: the influence of each row, (rows,), or the difference of the row's
            influences on two AUCs.
    """
    by_class = [influence[label == c] for c in np.unique(label)]
    variance = sum(len(x) * (x.var(ddof=1) + x.mean() ** 2) for x in by_class)
    return float(np.sqrt(variance))
