"""The intervals of metrics, and the scale on which their errors are symmetric."""

import numpy as np

from mtl_cli.statistics.sampling_error import SamplingError
from mtl_cli.statistics.significance import quantile


def interval(value: float, error: SamplingError) -> tuple[float, float]:
    """Returns the two ends of the 95 % interval of a metric.

    DeLong's interval is symmetric around the logit of the AUC, so that its ends stay
    between 0 and 1 (Qin and Hotilovac, Stat. Methods Med. Res. 2008). A bootstrap
    interval is symmetric around the value minus its bias (Davison and Hinkley, 1997,
    section 5.2). If the rows have groups, the interval follows Student's t.
    """
    middle, standard_error = on_symmetric_scale(value, error)
    half_width = quantile(error.degrees_of_freedom) * standard_error
    if error.method == "delong":
        low, high = (1 / (1 + np.exp(-middle - sign * half_width)) for sign in (-1, 1))
        return float(low), float(high)
    return middle - error.bias - half_width, middle - error.bias + half_width


def on_symmetric_scale(value: float, error: SamplingError) -> tuple[float, float]:
    """Returns a value and its standard error on a scale on which errors are symmetric.

    For an AUC with an error by DeLong's formula, this is the scale of logits. For all
    other metrics, it is the scale of the metric.
    """
    if error.method != "delong":
        return value, error.standard_error
    # The derivative of the logit is 1 / (value (1 - value)).
    logit = float(np.log(value / (1 - value)))
    return logit, error.standard_error / (value * (1 - value))
