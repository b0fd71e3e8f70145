"""Calibrates the probabilities of a trained network on the validation rows.

The logits of each tower become `scale * logit + shift`. The method `temperature` fits
the scale, and the method `platt` fits the scale and the shift.
"""

from dataclasses import dataclass
from typing import Literal

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from keras import ops
from scipy.optimize import minimize

from mtl_cli.config.run_config import Config
from mtl_cli.data.table import Table
from mtl_cli.layers.members import by_member
from mtl_cli.metrics.log_loss import SMALLEST_PROBABILITY
from mtl_cli.metrics.metric import Floats
from mtl_cli.network.network import Network
from mtl_cli.network.predictor import Predictor
from mtl_cli.tasks.base import Task

Method = Literal["none", "temperature", "platt"]
Logits = npt.NDArray[np.float64]  # (members, rows, num_logits)

NUM_FOLDS = 5
# A fit keeps the scale near 1 and the shift near its initial value. The penalty
# (log scale)^2 + (change of shift)^2 counts like the log loss of this many rows.
PRIOR_ROWS = 2.0
MAX_LOG_SCALE, MAX_SHIFT_CHANGE = 3.0, 20.0


@dataclass(frozen=True)
class TowerCalibration:
    """The fitted calibration of a task's tower.

    Attributes:
        method: `none` if `trainer.calibration=auto` has found that a fit does not help.
        scale: the factor of the logits; below 1 if the network was overconfident.
        shift: the value that is added to the scaled logits.
        log_loss: {method: log loss in nats}, for `none` and for the method that was
            fitted. Measured on validation rows that the fit has not seen.
        rows: number of validation rows with a weight above 0.
    """

    method: Method
    scale: float
    shift: float
    log_loss: dict[Method, float]
    rows: int

    def __str__(self) -> str:
        """The calibration as text, such as `logits x 0.873 + 0.020`."""
        if self.method == "none":
            return "as trained"
        sign = "-" if self.shift < 0 else "+"
        return f"logits x {self.scale:.3f} {sign} {abs(self.shift):.3f}"


@dataclass(frozen=True)
class TowerRows:
    """The validation rows of a tower.

    Attributes:
        logits: the tower's logits before the calibration.
        label: (rows,), 0 and 1, or the number of the class.
        weight: (rows,), above 0.
        task: the task, which makes probabilities of logits. The task's `logit_shift` is
            the initial shift, which corrects for `positive_weight` and for rows with
            label 0 that the data lack.
    """

    logits: Logits
    label: npt.NDArray[np.int64]
    weight: Floats
    task: Task

    def __len__(self) -> int:
        return len(self.label)

    def select(self, mask: npt.NDArray[np.bool_]) -> "TowerRows":
        """Returns the rows whose entry in the mask is true."""
        logits = self.logits[:, mask]
        return TowerRows(logits, self.label[mask], self.weight[mask], self.task)

    def losses(self, scale: float, shift: float) -> Floats:
        """Returns the log loss of each row after a calibration, (rows,), in nats.

        The predicted probability is the mean over the members' probabilities.
        """
        calibrated = scale * self.logits + shift
        with tf.device("CPU"):
            by_member = np.asarray(self.task.predictions(calibrated, {}))
        probabilities = by_member.mean(axis=0)  # (rows, classes)
        if probabilities.shape[1] == 1:  # only the probability of label 1
            both = [1 - probabilities, probabilities]
            probabilities = np.concatenate(both, axis=1)
        of_label = probabilities[np.arange(len(self)), self.label]  # (rows,)
        losses: Floats = -np.log(np.clip(of_label, SMALLEST_PROBABILITY, 1))
        return losses


def calibrate(
    config: Config, network: Network, valid: Table | None
) -> dict[str, TowerCalibration]:
    """Fits and sets the calibration of each task that predicts probabilities.

    Args:
        config: the configuration; `trainer.calibration` names the method.
        network: the trained network, whose `predictions` change. An ensemble of runs
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
        output = outputs[name]
        # A row without a label has the label NaN and the weight 0.
        label = np.nan_to_num(valid.labels[output.label]).astype("int64")
        weight = np.asarray(valid.metric_weights[output.name], "float64")
        rows = TowerRows(logits[output.name], label, weight, tasks[name])
        calibration = fit_and_measure(key, rows.select(weight > 0))
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
    key: Literal["auto", "none", "temperature", "platt"], rows: TowerRows
) -> TowerCalibration | None:
    """Fits the method of the key, and measures the method on rows outside of the fit.

    `auto` fits the method `platt`, and keeps the logits as they are if this method does
    not lower the log loss. Returns None if fewer than two classes have `NUM_FOLDS` rows
    or more.
    """
    if (np.bincount(rows.label) >= NUM_FOLDS).sum() < 2:
        return None
    method: Method = "platt" if key == "auto" else key
    log_loss: dict[Method, float] = {"none": unseen_log_loss("none", rows)}
    log_loss[method] = unseen_log_loss(method, rows)
    # A log loss may be NaN. The comparison is then false: `platt` does not help.
    platt_helps = log_loss[method] < log_loss["none"]
    if key == "auto" and not platt_helps:
        method = "none"
    scale, shift = fit(method, rows)
    return TowerCalibration(method, scale, shift, log_loss, len(rows))


def unseen_log_loss(method: Method, rows: TowerRows) -> float:
    """Returns the log loss of a method on rows that its fit has not seen, in nats.

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


def fit(method: Method, rows: TowerRows) -> tuple[float, float]:
    """Returns the scale and the shift with the lowest penalised log loss of the rows.

    The method `none` keeps the scale 1 and the task's initial shift. The method
    `temperature` keeps the initial shift. See `PRIOR_ROWS` for the penalty.
    """
    if method == "none":
        return 1.0, rows.task.logit_shift

    # The parameters of the fit are the logarithm of the scale and, for `platt`, the
    # difference between the shift and the initial shift.
    def scale_and_shift(parameters: Floats) -> tuple[float, float]:
        change = float(parameters[1]) if method == "platt" else 0.0
        return float(np.exp(parameters[0])), rows.task.logit_shift + change

    def penalised_loss(parameters: Floats) -> float:
        losses = rows.losses(*scale_and_shift(parameters))
        penalty = PRIOR_ROWS / len(rows) * (parameters**2).sum()
        return float(np.average(losses, weights=rows.weight) + penalty)

    bounds = [(-MAX_LOG_SCALE, MAX_LOG_SCALE)]
    if method == "platt":
        bounds.append((-MAX_SHIFT_CHANGE, MAX_SHIFT_CHANGE))
    result = minimize(penalised_loss, [0.0] * len(bounds), bounds=bounds)
    return scale_and_shift(result.x)
