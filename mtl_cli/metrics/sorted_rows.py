"""Sorts rows by group and prediction, for metrics that compare the order of rows.

Sorting is most of the work of such a metric. In most cases, labels are 0 or 1, all
weights are equal, and the predictions are float32 values. `sort_packed` sorts such
rows several times as fast. Sorted rows, such as the rows of a bootstrap sample, are not
sorted again.
"""

import numpy as np
import numpy.typing as npt

from mtl_cli.metrics.metric import Floats, Groups

SIGN_BIT = np.int32(-(2**31))


def sort_rows(
    label: Floats, prediction: Floats, weight: Floats, group: Groups | None = None
) -> tuple[Floats, Floats, Floats, Groups]:
    """Sorts rows by group, and the rows of a group by prediction, both ascending.

    The order of rows with the same group and prediction is undefined. The group is 0 if
    no groups are given.
    """
    groups = np.zeros(len(label), "int64") if group is None else group
    if are_sorted(prediction, groups):
        return label, prediction, weight, groups
    if can_pack(label, prediction, weight, groups):
        return sort_packed(label, prediction, weight, groups)
    order = np.lexsort((prediction, groups))
    return label[order], prediction[order], weight[order], groups[order]


def first_indices(*columns: npt.NDArray[np.generic]) -> npt.NDArray[np.intp]:
    """Returns the index of the first row of each block of consecutive equal rows.

    >>> first_indices(np.array([1, 1, 2, 2]), np.array([5, 5, 5, 6]))
    array([0, 2, 3])
    """
    is_first = np.zeros(len(columns[0]), bool)
    is_first[:1] = True
    for column in columns:
        is_first[1:] |= column[1:] != column[:-1]
    return np.flatnonzero(is_first)


def sums_by_prediction(
    label: Floats, prediction: Floats, weight: Floats
) -> tuple[Floats, Floats]:
    """Returns the sums of weights and weighted labels at each distinct prediction."""
    y, p, w, _ = sort_rows(label, prediction, weight)
    starts = first_indices(p)
    return np.add.reduceat(w, starts), np.add.reduceat(w * y, starts)


def are_sorted(prediction: Floats, groups: Groups) -> bool:
    next_group = groups[1:] > groups[:-1]
    in_group = (groups[1:] == groups[:-1]) & (prediction[1:] >= prediction[:-1])
    return bool((next_group | in_group).all())


def can_pack(label: Floats, prediction: Floats, weight: Floats, groups: Groups) -> bool:
    """Returns whether `sort_packed` can sort the rows."""
    return bool(
        len(groups)
        and groups.min() >= 0
        and groups.max() < 2**31
        and (weight == weight[0]).all()
        and (prediction.astype("float32") == prediction).all()
        and ((label == 0) | (label == 1)).all()
    )


def sort_packed(
    label: Floats, prediction: Floats, weight: Floats, groups: Groups
) -> tuple[Floats, Floats, Floats, Groups]:
    """Packs each row into one 64-bit number, sorts the numbers, and unpacks them.

    From the highest bit to the lowest, a number holds 31 bits of group, 32 bits of
    prediction and 1 bit of label. Sorting the numbers is several times as fast as
    computing an order of the rows and applying this order to four arrays.
    """
    packed = groups.astype("uint64") << np.uint64(33)
    packed |= ordered_bits(prediction).astype("uint64") << np.uint64(1)
    packed |= label.astype("uint64")
    packed.sort()
    # The conversion to uint32 drops the bits of the group.
    prediction_bits = (packed >> np.uint64(1)).astype("uint32")
    return (
        (packed & np.uint64(1)).astype("float64"),
        floats_of(prediction_bits),
        weight,  # all weights are equal, so they need not be sorted
        (packed >> np.uint64(33)).astype("int64"),
    )


def ordered_bits(prediction: Floats) -> npt.NDArray[np.uint32]:
    """Maps float32 values to whole numbers that have the order of the values.

    >>> [hex(x) for x in ordered_bits(np.array([-1.0, 0.0, 1.0]))]
    ['0x407fffff', '0x80000000', '0xbf800000']
    """
    # Adding 0 turns -0.0 into 0.0: equal predictions must have equal bits.
    bits = (prediction.astype("float32") + 0).view("int32")
    # The bits of positive floats ascend with the float. Setting the highest bit puts
    # positive floats after negative floats. The bits of negative floats descend with
    # the float, so all these bits are inverted.
    return np.where(bits < 0, ~bits, bits | SIGN_BIT).view("uint32")


def floats_of(whole_numbers: npt.NDArray[np.uint32]) -> Floats:
    """Inverts `ordered_bits`."""
    signed = whole_numbers.view("int32")
    # `ordered_bits` sets the highest bit of positive floats only, and an int32 with
    # this bit is negative.
    bits = np.where(signed < 0, signed & ~SIGN_BIT, ~signed)
    return bits.view("float32").astype("float64")
