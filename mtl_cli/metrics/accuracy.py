"""Accuracy of multiclass predictions."""

import numpy as np

from mtl_cli.metrics.metric import Floats, metric


@metric(direction=1, of_classes=True)
def accuracy(label: Floats, prediction: Floats, weight: Floats) -> float:
    """Accuracy: the fraction of rows whose most probable class is their label.

    A row counts with its weight.
    """
    return float(np.average(prediction.argmax(axis=1) == label, weights=weight))
