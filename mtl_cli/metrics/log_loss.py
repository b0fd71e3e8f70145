"""Log losses: of binary labels, and of classes."""

import numpy as np

from mtl_cli.metrics.metric import Floats, metric

# Log losses clip probabilities to this distance from 0 and from 1, as Keras does. So no
# row costs more than 16 nats. Near 1 clipping changes little, since float32 has steps
# of 6e-8 there; near 0 float32 could hold much smaller probabilities.
SMALLEST_PROBABILITY = 1e-7


@metric(direction=-1)
def log_loss(label: Floats, prediction: Floats, weight: Floats) -> float:
    """Mean negative log-likelihood, in nats, of probabilities in 1e-7 ... 1 - 1e-7."""
    p = np.clip(prediction, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    loss = -(label * np.log(p) + (1 - label) * np.log1p(-p))
    return float(np.average(loss, weights=weight))


@metric(direction=-1, name="log_loss", of_classes=True)
def cross_entropy(label: Floats, prediction: Floats, weight: Floats) -> float:
    """Mean negative log-likelihood of the classes, in nats; probabilities from 1e-7."""
    p = prediction[np.arange(len(label)), label.astype("int64")]
    loss = -np.log(np.clip(p, SMALLEST_PROBABILITY, 1))
    return float(np.average(loss, weights=weight))
