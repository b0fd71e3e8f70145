"""Log losses and normalised entropies: of binary labels, and of classes."""

import math

import numpy as np

from mtl_cli.metrics.metric import Floats, UndefinedError, metric

# Log losses raise the probability of a row's label to at least this value, as Keras
# does. So the loss of one row is at most -log(1e-7), about 16 nats. Otherwise a single
# row whose label has the predicted probability 0 would make the mean infinite.
SMALLEST_PROBABILITY = 1e-7
LARGEST_LOSS = -math.log(SMALLEST_PROBABILITY)


@metric(direction=-1, low=0, high=LARGEST_LOSS)
def log_loss(label: Floats, prediction: Floats, weight: Floats) -> float:
    """Mean negative log-likelihood of binary labels, in nats; 0 is best."""
    p = np.clip(prediction, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    loss = -(label * np.log(p) + (1 - label) * np.log1p(-p))
    return float(np.average(loss, weights=weight))


@metric(
    direction=-1, name="log_loss", several_predictions=True, low=0, high=LARGEST_LOSS
)
def cross_entropy(label: Floats, prediction: Floats, weight: Floats) -> float:
    """Mean negative log-likelihood of multiclass labels, in nats; 0 is best."""
    return float(np.average(losses_of_classes(label, prediction), weights=weight))


def losses_of_classes(label: Floats, prediction: Floats) -> Floats:
    p = prediction[np.arange(len(label)), label.astype("int64")]
    losses: Floats = -np.log(np.clip(p, SMALLEST_PROBABILITY, 1))
    return losses


@metric(direction=-1, name="ne", low=0)
def normalized_entropy(label: Floats, prediction: Floats, weight: Floats) -> float:
    """Normalised entropy: log loss divided by the log loss of a constant prediction.

    The constant prediction is the fraction of rows with label 1. A model that is no
    better than the constant prediction has the value 1; 0 is best. Values of different
    tasks can be averaged. Log losses cannot: a log loss is low if label 1 is rare.

    Reference: He et al., "Practical Lessons from Predicting Clicks on Ads at
        Facebook", ADKDD 2014, equation 1.
    """
    return log_loss(label, prediction, weight) / entropy_of(label, weight)


@metric(direction=-1, name="ne", several_predictions=True, low=0)
def normalized_cross_entropy(
    label: Floats, prediction: Floats, weight: Floats
) -> float:
    """Normalised entropy: log loss divided by the log loss of a constant prediction.

    The constant prediction is the fraction of rows in each class, see
    `normalized_entropy`.
    """
    return cross_entropy(label, prediction, weight) / entropy_of(label, weight)


def entropy_of(label: Floats, weight: Floats) -> float:
    """Returns the entropy of the labels, in nats.

    The entropy is also the log loss of a constant prediction that equals the fractions
    of the classes. `label` is the index of each row's class, (rows,).
    """
    fractions = np.bincount(label.astype("int64"), weight) / weight.sum()
    fractions = fractions[fractions > 0]  # A class without rows adds nothing.
    if len(fractions) < 2:
        raise UndefinedError(f"one class only: all {len(weight)} rows")
    return float(-(fractions * np.log(fractions)).sum())
