"""Accuracy: the share of rows whose most probable class is the right class."""

import numpy as np

from mtl_cli.metrics.metric import Floats, metric


@metric(direction=1, of_classes=True)
def accuracy(label: Floats, prediction: Floats, weight: Floats) -> float:
    """Share of rows whose own class has the highest predicted probability."""
    return float(np.average(prediction.argmax(axis=1) == label, weights=weight))
