"""Fits the scale and the shift of a tower's logits; see `calibration.py`."""

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from scipy.optimize import minimize

from mtl_cli.metrics.metric import Floats
from mtl_cli.tasks.base import CalibrationMethod, Statistics, Task

Logits = npt.NDArray[np.float64]  # (members, rows, num_logits)

# {method: whether the scale is fitted, and whether the shift is fitted}
FITTED: dict[CalibrationMethod, tuple[bool, bool]] = {
    "none": (False, False),
    "temperature": (True, False),
    "platt": (True, True),
    "factor": (False, True),
}
NUM_FOLDS = 5
# A penalty keeps the scale near 1 and the shift near its initial value. The penalty
# (log scale)^2 + (change of shift)^2 counts like the loss of this many rows.
# `docs/explanation/defaults.md` says how the numbers were chosen.
PRIOR_ROWS: dict[CalibrationMethod, float] = {
    "temperature": 60.0,
    "platt": 60.0,
    "factor": 10.0,
}
MAX_LOG_SCALE, MAX_SHIFT_CHANGE = 3.0, 20.0


@dataclass(frozen=True)
class TowerRows:
    """The validation rows of a tower.

    Attributes:
        logits: the tower's logits before the calibration.
        label: (rows,), as `Task.read_labels` encodes labels.
        weight: (rows,), above 0.
        task: its `logit_shift` is the initial shift.
        statistics: the statistics of the task's training labels.
    """

    logits: Logits
    label: Floats
    weight: Floats
    task: Task
    statistics: Statistics = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.label)

    def select(self, mask: npt.NDArray[np.bool_]) -> "TowerRows":
        return replace(
            self,
            logits=self.logits[:, mask],
            label=self.label[mask],
            weight=self.weight[mask],
        )

    def losses(self, scale: float, shift: float) -> Floats:
        """Returns the loss of each row after a calibration, (rows,)."""
        num_members, num_rows, num_logits = self.logits.shape
        direction = self.task.shift_direction(self.statistics) or [1.0] * num_logits
        calibrated = scale * self.logits + shift * np.array(direction)
        flat = calibrated.reshape(-1, num_logits)
        with tf.device("CPU"):
            predictions = np.asarray(self.task.predictions(flat, self.statistics))
        members_predictions = predictions.reshape(num_members, num_rows, -1)
        mean = members_predictions.mean(axis=0)  # (rows, num_predictions)
        return self.task.calibration_losses(self.label, mean, self.statistics)


def fit(method: CalibrationMethod, rows: TowerRows) -> tuple[float, float]:
    """Returns the scale and the shift with the lowest penalised loss of the rows."""
    if method == "none":
        return 1.0, rows.task.logit_shift
    fits_scale, fits_shift = FITTED[method]

    # The parameters are the logarithm of the scale, if the method fits the scale; then
    # the change of the initial shift, if the method fits the shift.
    def scale_and_shift(parameters: Floats) -> tuple[float, float]:
        scale = float(np.exp(parameters[0])) if fits_scale else 1.0
        change = float(parameters[-1]) if fits_shift else 0.0
        return scale, rows.task.logit_shift + change

    def penalised_loss(parameters: Floats) -> float:
        losses = rows.losses(*scale_and_shift(parameters))
        penalty = PRIOR_ROWS[method] / len(rows) * (parameters**2).sum()
        return float(np.average(losses, weights=rows.weight) + penalty)

    bounds = [(-MAX_LOG_SCALE, MAX_LOG_SCALE)] * fits_scale
    bounds += [(-MAX_SHIFT_CHANGE, MAX_SHIFT_CHANGE)] * fits_shift
    result = minimize(penalised_loss, [0.0] * len(bounds), bounds=bounds)
    return scale_and_shift(result.x)


def finite_rows(rows: TowerRows) -> npt.NDArray[np.bool_]:
    """Returns a mask of the rows whose loss stays finite while a shift is fitted.

    A huge number in a feature can make a logit NaN, or an amount infinite.
    """
    initial_shift = rows.task.logit_shift
    with np.errstate(all="ignore"):
        initial_losses = rows.losses(1.0, initial_shift)
        losses_at_limit = rows.losses(1.0, initial_shift + MAX_SHIFT_CHANGE)
    return np.isfinite(initial_losses) & np.isfinite(losses_at_limit)


def unseen_loss(method: CalibrationMethod, rows: TowerRows) -> float:
    """Returns the mean loss of a method by cross-validation."""
    fold_of_row = np.random.default_rng(0).permutation(len(rows)) % NUM_FOLDS
    losses = np.empty(len(rows))
    for fold in range(NUM_FOLDS):
        is_unseen = fold_of_row == fold
        scale, shift = fit(method, rows.select(~is_unseen))
        losses[is_unseen] = rows.select(is_unseen).losses(scale, shift)
    return float(np.average(losses, weights=rows.weight))
