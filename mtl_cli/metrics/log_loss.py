"""Log losses and normalised entropies: of binary labels, and of classes."""

import numpy as np

from mtl_cli.metrics.metric import Floats, UndefinedError, metric

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


@metric(direction=-1, name="ne")
def normalized_entropy(label: Floats, prediction: Floats, weight: Floats) -> float:
    """Normalised entropy: log loss divided by the log loss of a constant prediction.

    The constant prediction is the rate of label 1. 1 is no better than the constant
    prediction, 0 is best. The value does not depend on how rare label 1 is, so it can
    be averaged over tasks.

    Reference: He et al., "Practical Lessons from Predicting Clicks on Ads at
        Facebook", ADKDD 2014, equation 1.
    """
    entropy = entropy_of(np.stack([1 - label, label]), weight)
    return log_loss(label, prediction, weight) / entropy


@metric(direction=-1, name="ne", of_classes=True)
def normalized_cross_entropy(
    label: Floats, prediction: Floats, weight: Floats
) -> float:
    """Normalised entropy: log loss divided by the log loss of the classes' shares."""
    classes = np.arange(prediction.shape[1])
    entropy = entropy_of((label == classes[:, None]).astype("float64"), weight)
    return cross_entropy(label, prediction, weight) / entropy


def entropy_of(is_class: Floats, weight: Floats) -> float:
    """Returns the entropy of the labels, in nats.

    Args:
        is_class: `(classes, rows)`, 1 where a row has the class.
        weight: the weight of each row, (rows,).

    Raises:
        UndefinedError: if all rows have the same class.
    """
    shares = np.average(is_class, axis=1, weights=weight)
    shares = shares[shares > 0]
    if len(shares) < 2:
        raise UndefinedError(f"one class only: all {len(weight)} rows")
    return float(-(shares * np.log(shares)).sum())
