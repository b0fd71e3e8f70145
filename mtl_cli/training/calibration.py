"""Calibrates the predictions of a trained network on the validation rows.

The logits of each tower become `scale * logit + shift * direction`. The direction is 1,
except for tasks whose logits mean different things, such as `ziln`; see
`Task.shift_direction`. For probabilities, the method `temperature` fits the scale, and
the method `platt` fits the scale and the shift. For mean amounts, the method `factor`
fits the shift: each prediction is multiplied by exp(shift).
"""

import math
from dataclasses import dataclass, field, replace

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from keras import ops
from scipy.optimize import minimize

from mtl_cli.config.run_config import Config
from mtl_cli.data.table import Table
from mtl_cli.layers.members import by_member
from mtl_cli.metrics.metric import Floats
from mtl_cli.network.network import Network
from mtl_cli.network.predictor import Predictor
from mtl_cli.tasks.base import CalibrationMethod, Statistics, Task

# Logits of shape (members, rows, num_logits). A run may train several networks side by
# side: the members.
Logits = npt.NDArray[np.float64]

# {method: whether the scale is fitted, and whether the shift is fitted}
FITTED: dict[CalibrationMethod, tuple[bool, bool]] = {
    "none": (False, False),
    "temperature": (True, False),
    "platt": (True, True),
    "factor": (False, True),
}
NUM_FOLDS = 5
# A fit keeps the scale near 1 and the shift near its initial value. The penalty
# (log scale)^2 + (change of shift)^2 counts like the loss of this many rows.
PRIOR_ROWS = 2.0
MAX_LOG_SCALE, MAX_SHIFT_CHANGE = 3.0, 20.0


@dataclass(frozen=True)
class TowerCalibration:
    """The fitted calibration of a task's tower.

    Attributes:
        method: the fitted method; `none` if `trainer.calibration` is `auto` and the fit
            does not help.
        scale: the factor of the logits; below 1 if the network was overconfident.
        shift: the value that is added to the scaled logits; for amounts, the logarithm
            of the factor of the predictions.
        initial_shift: the part of the shift that corrects for the task's keys
            `positive_weight` and `sampling_rate`. It is there even with the method
            `none`.
        losses: {method: mean loss}, for `none` and for the method that was fitted.
            Measured on validation rows that the fit has not seen. See
            `Task.calibration_losses` for the loss.
        rows: number of validation rows with a weight above 0.
    """

    method: CalibrationMethod
    scale: float
    shift: float
    initial_shift: float
    losses: dict[CalibrationMethod, float]
    rows: int

    def __str__(self) -> str:
        """The calibration as text, such as `logits x 0.873 + 0.020`.

        The initial shift is left out: it was there before the calibration.
        """
        if self.method == "none":
            return "as trained"
        if self.method == "factor":
            return f"predictions x {math.exp(self.shift):.3f}"
        # The scale applies to the logits without the initial shift, so the shifts can
        # be subtracted.
        change = self.shift - self.initial_shift
        sign = "-" if change < 0 else "+"
        return f"logits x {self.scale:.3f} {sign} {abs(change):.3f}"


@dataclass(frozen=True)
class TowerRows:
    """The validation rows of a tower.

    Attributes:
        logits: the tower's logits before the calibration.
        label: (rows,), as `Task.read_labels` encodes labels.
        weight: (rows,), above 0.
        task: the task that turns the logits into predictions. The task's `logit_shift`
            is the initial shift: it corrects for `positive_weight` and for rows with
            label 0 that the data lack.
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
        """Returns the rows whose entry in the mask is true."""
        return replace(
            self,
            logits=self.logits[:, mask],
            label=self.label[mask],
            weight=self.weight[mask],
        )

    def losses(self, scale: float, shift: float) -> Floats:
        """Returns the loss of each row after a calibration, (rows,).

        The prediction of a row is the mean over the members' predictions.
        """
        num_members, num_rows, num_logits = self.logits.shape
        direction = self.task.shift_direction(self.statistics) or [1.0] * num_logits
        calibrated = scale * self.logits + shift * np.array(direction)
        flat = calibrated.reshape(-1, num_logits)
        with tf.device("CPU"):
            predictions = np.asarray(self.task.predictions(flat, self.statistics))
        members_predictions = predictions.reshape(num_members, num_rows, -1)
        mean = members_predictions.mean(axis=0)  # (rows, num_predictions)
        return self.task.calibration_losses(self.label, mean, self.statistics)


def calibrate(
    config: Config, network: Network, valid: Table | None
) -> dict[str, TowerCalibration]:
    """Fits and sets the calibration of each task that can be calibrated.

    Args:
        config: the configuration; `trainer.calibration` names the method.
        network: the trained network; `network.predictions` changes. An ensemble of runs
            does not change, because each run of the ensemble is calibrated already.
        valid: the validation rows; None changes nothing.

    Returns: {task: the calibration of the task's tower}, without tasks that have too
        few rows.
    """
    key = config.trainer.calibration
    if valid is None or key == "none" or not network.calibrations:
        return {}
    calibrations = {}
    tasks = config.chosen_tasks
    outputs = config.model.heads_option.tower_outputs(tasks)
    logits = logits_by_member(network, config.model.members, valid)
    for name, layer in network.calibrations.items():
        task, output = tasks[name], outputs[name]
        method = task.calibration_methods.get(key, "none")
        if method == "none":
            continue
        label = np.asarray(valid.labels[output.label], "float64")
        weight = np.asarray(valid.metric_weights[output.name], "float64")
        statistics = network.label_statistics.get(name, {})
        rows = TowerRows(logits[output.name], label, weight, task, statistics)
        # A row without a label has the label NaN and the weight 0.
        rows = rows.select(weight > 0)
        calibration = fit_and_measure(method, rows, must_help=key == "auto")
        if calibration is not None:
            layer.scale.assign(calibration.scale)
            layer.shift.assign(calibration.shift)
            calibrations[name] = calibration
    return calibrations


def logits_by_member(
    network: Network, num_members: int, table: Table
) -> dict[str, Logits]:
    """Computes the logits of each output: {output: (members, rows, num_logits)}."""
    # `Predictor` expects one row per row of the table, so the members' logits are put
    # side by side: (rows, members * num_logits).
    side_by_side = {}
    for name, output in network.logits.output.items():
        members = ops.transpose(by_member(output, num_members), (1, 0, 2))
        shape = (-1, num_members * output.shape[-1])
        side_by_side[name] = ops.reshape(members, shape)
    logits = Predictor(keras.Model(network.logits.input, side_by_side))(table)
    by_row = (table.num_rows, num_members, -1)
    return {
        name: x.reshape(by_row).swapaxes(0, 1).astype("float64")
        for name, x in logits.items()
    }


def fit_and_measure(
    method: CalibrationMethod, rows: TowerRows, must_help: bool
) -> TowerCalibration | None:
    """Fits a method, and measures the method on rows outside of the fit.

    Args:
        method: the method.
        rows: the validation rows.
        must_help: whether the logits stay as they are if the method does not lower the
            mean loss.

    Returns: None if there are too few labels, see `Task.can_calibrate`.
    """
    if not rows.task.can_calibrate(rows.label, NUM_FOLDS):
        return None
    losses: dict[CalibrationMethod, float] = {"none": unseen_loss("none", rows)}
    losses[method] = unseen_loss(method, rows)
    # A loss may be NaN. The comparison is then false: the method does not help.
    helps = losses[method] < losses["none"]
    if must_help and not helps:
        method = "none"
    scale, shift = fit(method, rows)
    initial_shift = rows.task.logit_shift
    return TowerCalibration(method, scale, shift, initial_shift, losses, len(rows))


def unseen_loss(method: CalibrationMethod, rows: TowerRows) -> float:
    """Returns the mean loss of a method on rows that its fit has not seen.

    Cross-validation splits the rows into folds at random. The loss of each fold is
    measured with a fit on all other folds.
    """
    fold_of_row = np.random.default_rng(0).permutation(len(rows)) % NUM_FOLDS
    losses = np.empty(len(rows))
    for fold in range(NUM_FOLDS):
        is_unseen = fold_of_row == fold
        scale, shift = fit(method, rows.select(~is_unseen))
        losses[is_unseen] = rows.select(is_unseen).losses(scale, shift)
    return float(np.average(losses, weights=rows.weight))


def fit(method: CalibrationMethod, rows: TowerRows) -> tuple[float, float]:
    """Returns the scale and the shift with the lowest penalised loss of the rows.

    A scale that the method does not fit stays 1, and a shift stays the task's initial
    shift. See `PRIOR_ROWS` for the penalty.
    """
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
        penalty = PRIOR_ROWS / len(rows) * (parameters**2).sum()
        return float(np.average(losses, weights=rows.weight) + penalty)

    bounds = [(-MAX_LOG_SCALE, MAX_LOG_SCALE)] * fits_scale
    bounds += [(-MAX_SHIFT_CHANGE, MAX_SHIFT_CHANGE)] * fits_shift
    result = minimize(penalised_loss, [0.0] * len(bounds), bounds=bounds)
    return scale_and_shift(result.x)
