"""Accuracy: how often the likeliest class is the right one."""

import numpy as np

from mtl_cli.metrics.metric import Floats, metric


@metric(direction=1, of_classes=True)
def accuracy(label: Floats, prediction: Floats, weight: Floats) -> float:
    """Share of rows whose class has the highest probability."""
    return float(np.average(prediction.argmax(axis=1) == label, weights=weight))
