"""The influence of single rows on the AUC, from which the AUC's variance follows.

Rows may have weights. In the AUC, a row of weight 2 counts as two rows. In the
variance, it counts as one row, since another sample would replace the row as a whole.
If all weights are equal, the variance agrees with DeLong et al., Biometrics 1988, and
is computed as in Sun and Xu, IEEE SPL 2014. Rows of one group depend on each other; for
such rows, Obuchowski, Biometrics 1997, gives the variance.
"""

import numpy as np
import numpy.typing as npt

from mtl_cli.metrics.metric import Floats, UndefinedError
from mtl_cli.metrics.sorted_rows import first_indices
from mtl_cli.statistics.sampling_units import SamplingUnits


def auc_influence(
    label: Floats, prediction: Floats, weight: Floats
) -> tuple[float, Floats]:
    """Returns the AUC, and by how much each row shifts the AUC.

    For a positive row i, let v_i be the fraction of negative rows that are ranked below
    row i. For a negative row i, let v_i be the fraction of positive rows that are
    ranked above row i. Both are fractions of weights, and rows with equal predictions
    count half. The AUC is the weighted mean of v_i over the positive rows, and equally
    the weighted mean of v_i over the negative rows. The influence of row i is

        w_i (v_i - AUC) / W,

    where w_i is the weight of the row and W is the sum of the weights of the row's
    class. The influences of each class sum up to 0. An `UndefinedError` is raised if
    all rows are of one class.
    """
    if len(np.unique(label)) < 2:
        raise UndefinedError("one class only")
    order = np.argsort(prediction)
    is_positive = label[order] > 0.5
    weights = weight[order]
    starts = first_indices(prediction[order])
    positive_weights = np.where(is_positive, weights, 0)
    negative_weights = weights - positive_weights
    v = np.where(
        is_positive,
        fraction_below(negative_weights, starts),
        1 - fraction_below(positive_weights, starts),
    )
    auc = float(np.average(v[is_positive], weights=weights[is_positive]))
    positive_total = positive_weights.sum()
    negative_total = weights.sum() - positive_total
    class_total = np.where(is_positive, positive_total, negative_total)
    influence = np.empty(len(order))
    influence[order] = weights * (v - auc) / class_total
    return auc, influence


def fraction_below(class_weights: Floats, starts: npt.NDArray[np.intp]) -> Floats:
    """Returns the fraction of a class's weight below each row; ties count half.

    The rows are sorted by prediction. `class_weights` are 0 in rows of the other class.
    `starts` are the indices of the first row of each block of equal predictions.
    """
    in_block = np.add.reduceat(class_weights, starts)
    up_to_block = np.cumsum(in_block)
    fractions = (up_to_block - in_block / 2) / up_to_block[-1]
    block_lengths = np.diff(starts, append=len(class_weights))
    return np.repeat(fractions, block_lengths)


def macro_auc_influence(
    label: Floats, prediction: Floats, weight: Floats
) -> tuple[float, Floats]:
    """Returns the macro AUC, and by how much each row shifts the macro AUC.

    The macro AUC is the mean of K AUCs: for each of the K classes that occur, the AUC
    of the class against all other rows. The influence of a row is the mean of the K
    influences that the row has on these AUCs. The variance of the macro AUC does not
    follow from the K variances: the K AUCs are not independent, since each uses all
    rows.
    """
    by_class = [
        auc_influence((label == c).astype("float64"), prediction[:, c], weight)
        for c in np.unique(label).astype("int64")
    ]
    aucs, influences = zip(*by_class, strict=True)
    return float(np.mean(aucs)), np.mean(influences, axis=0)


def error_and_degrees(
    label: Floats, influence: Floats, units: SamplingUnits
) -> tuple[float, float]:
    """Returns the standard error of an AUC, or of a difference of two, and its degrees.

    The AUCs may be macro AUCs. For each class and unit, x is the sum of the influences
    of the unit's rows of the class. The variance has three parts:

    - Within a class, x varies between the units.
    - Another sample has other fractions of the classes. Such fractions shift a macro
      AUC, since the mean of x differs between its classes. For an AUC, the mean of x is
      0 in both classes, so this part is 0.
    - If a unit has rows of several classes, its x of these classes vary together.

    The degrees of freedom are Welch's (1947): if a class has few rows, the estimate of
    its variance is rough, and a test by the normal distribution would call too many
    differences real. A unit with rows of several classes adds to several variances, but
    is only one unit. So the degrees are at most the number of units minus 1.

    Args:
        label: the class of each row, (rows,). Each class has rows of two units or more.
        influence: the influence of each row, (rows,), or the difference of the row's
            influences on two AUCs.
    """
    by_class = [units.sums(influence, label == c) for c in np.unique(label)]
    sizes = np.array([len(x) for _, x in by_class])
    variances = np.array([len(x) * x.var(ddof=1) for _, x in by_class])
    variance = variances.sum() + sum(len(x) * x.mean() ** 2 for _, x in by_class)
    # Sums over the classes, (units,).
    sum_of_x, sum_of_squares = np.zeros(units.num), np.zeros(units.num)
    for unit, x in by_class:
        sum_of_x[unit] += x
        sum_of_squares[unit] += x**2
    # The square of the sum minus the squares: the products of x of different classes.
    products = np.sum(sum_of_x**2 - sum_of_squares)
    covariance = units.num / (units.num - 1) * products
    error = float(np.sqrt(max(0.0, variance + covariance)))
    if not variances.any():
        return error, np.inf
    welch = variances.sum() ** 2 / np.sum(variances**2 / (sizes - 1))
    return error, float(min(welch, units.num - 1))
