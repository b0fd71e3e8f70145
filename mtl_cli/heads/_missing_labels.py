"""Warns if the labels of a step are missing more or less often after the step before.

For example, the conversion labels of some clicked rows are missing, but no others. Rows
without a conversion label do not count in the conversion's loss. So too few of the rows
that count are clicked, and the product of click and conversion is learnt too low.
"""

import numpy as np

from mtl_cli.heads.base import Labels
from mtl_cli.tasks.base import Array

# A warning needs a difference above all of these limits. A small difference is no
# fault. For example, all labels of some days may be missing, and these days may have
# more or fewer clicks than other days.
MIN_MISSING_Z = 5.0  # the difference of two shares in standard errors
MIN_MISSING_DIFFERENCE = 0.01  # between the shares of missing labels
MIN_MISSING_ODDS_RATIO = 1.5


def uneven_missing_warnings(previous: str, name: str, labels: Labels) -> list[str]:
    """Returns a warning if missing labels of a step depend on the step before it.

    Args:
        previous: the step before.
        name: the step.
        labels: the labels of the training rows.

    Returns: the warning; [] if the labels are missing evenly.
    """
    is_missing = np.isnan(labels[name])
    missing_after = is_missing[labels[previous] == 1]
    missing_before = is_missing[labels[previous] == 0]
    if not differ_clearly(missing_after, missing_before):
        return []
    if missing_after.mean() > missing_before.mean():
        bias, amount = "low", "few"
        fix = (
            f"if these labels come late, empty {name} on all rows of the last days, "
            f"also where {previous} = 0, or wait for the labels"
        )
    else:
        bias, amount = "high", "many"
        fix = f"write {name} = 0 where {previous} = 0"
    return [
        f"labels of {name} are missing on {missing_after.sum():,} of "
        f"{len(missing_after):,} training rows with {previous} = 1, but on "
        f"{missing_before.sum():,} of {len(missing_before):,} with {previous} = 0: too "
        f"{amount} of the rows that {name} learns from have {previous} = 1, so {name} "
        f"is predicted too {bias}, and its metrics do not show this; {fix}"
    ]


def differ_clearly(a: Array, b: Array) -> bool:
    """Whether the shares of True in two boolean arrays differ clearly.

    The shares must differ by a two-proportion z-test, by `MIN_MISSING_DIFFERENCE`, and
    by `MIN_MISSING_ODDS_RATIO`.
    """
    if not len(a) or not len(b):
        return False
    low, high = sorted([float(a.mean()), float(b.mean())])
    pooled = float(a.sum() + b.sum()) / (len(a) + len(b))
    variance = pooled * (1 - pooled) * (1 / len(a) + 1 / len(b))
    return (
        high - low > MIN_MISSING_DIFFERENCE
        and high - low > MIN_MISSING_Z * variance**0.5
        and high * (1 - low) > MIN_MISSING_ODDS_RATIO * low * (1 - high)
    )
