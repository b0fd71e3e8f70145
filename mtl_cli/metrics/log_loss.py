"""Log losses: of the probability of 1, and of one probability per class."""

import numpy as np

from mtl_cli.metrics.metric import Floats, metric

# Log losses take no probability as nearer to 0 or 1, so that a row costs 16 nats at
# most. Near 1 float32 can hardly tell more, its step is 6e-8. Near 0 it can: there a
# prediction below 1e-7 counts as 1e-7, as in Keras' losses of probabilities.
SMALLEST = 1e-7


@metric(direction=-1)
def log_loss(label: Floats, prediction: Floats, weight: Floats) -> float:
    """Mean negative log-likelihood, in nats; probabilities cut to 1e-7 ... 1 - 1e-7."""
    p = np.clip(prediction, SMALLEST, 1 - SMALLEST)
    loss = -(label * np.log(p) + (1 - label) * np.log1p(-p))
    return float(np.average(loss, weights=weight))


@metric(direction=-1, name="log_loss", of_classes=True)
def cross_entropy(label: Floats, prediction: Floats, weight: Floats) -> float:
    """Mean negative log-likelihood of the classes, in nats; probabilities from 1e-7."""
    p = prediction[np.arange(len(label)), label.astype("int64")]
    return float(np.average(-np.log(np.clip(p, SMALLEST, 1)), weights=weight))
