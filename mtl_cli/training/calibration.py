"""Calibrates a trained network's probabilities on the validation rows."""

from dataclasses import dataclass
from typing import Literal

import keras
import numpy as np
import numpy.typing as npt
from keras import ops
from scipy.optimize import minimize
from scipy.special import expit, softmax

from mtl_cli.config.run_config import Config
from mtl_cli.data.table import StoredTable, Table
from mtl_cli.layers.ensemble import by_member
from mtl_cli.metrics.log_loss import SMALLEST_PROBABILITY
from mtl_cli.metrics.metric import Floats
from mtl_cli.network.build import Network
from mtl_cli.network.predictor import Predictor

Method = Literal["none", "temperature", "platt"]
Logits = npt.NDArray[np.float64]  # (members, rows, num_logits)

NUM_FOLDS = 5
# The pull of scale to 1 and of shift to its start, in rows of validation data.
PRIOR_ROWS = 2.0
MAX_LOG_SCALE, MAX_SHIFT = 3.0, 20.0


@dataclass(frozen=True)
class Calibrated:
    """The calibration of a task's tower: its logits become scale * logit + shift.

    Attributes:
        method: the method.
        scale: factor of the logits; below 1 if the trained network was overconfident.
        shift: the number that is added to the logits.
        log_loss: {`none` and the fitted method: log loss in nats}, on validation rows
            that the fit has not seen.
        rows: number of validation rows.
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
        logits: the tower's logits by member, before the calibration.
        label: (rows,), 0 and 1, or the number of the class.
        weight: (rows,), above 0.
        start: the shift that undoes how training weighs labels.
    """

    logits: Logits
    label: npt.NDArray[np.int64]
    weight: Floats
    start: float

    def __len__(self) -> int:
        return len(self.label)

    def of(self, rows: npt.NDArray[np.bool_]) -> "TowerRows":
        """Returns some of the rows."""
        return TowerRows(
            self.logits[:, rows], self.label[rows], self.weight[rows], self.start
        )

    def losses(self, scale: float, shift: float) -> Floats:
        """Returns the log loss of each row after a calibration, (rows,), in nats."""
        z = scale * self.logits + shift
        if z.shape[-1] == 1:
            p = expit(z).mean(axis=0)[:, 0]
            p = np.where(self.label == 1, p, 1 - p)
        else:
            p = softmax(z, axis=-1).mean(axis=0)[np.arange(len(self)), self.label]
        losses: Floats = -np.log(np.clip(p, SMALLEST_PROBABILITY, 1))
        return losses


def calibrate(
    config: Config, network: Network, valid: Table | StoredTable | None
) -> dict[str, Calibrated]:
    """Fits and sets the calibration of each task that predicts probabilities.

    Args:
        config: the configuration; `trainer.calibration` names the method.
        network: the trained network. Its `predictions` change. An ensemble has no
            calibration of its own.
        valid: the validation rows; None changes nothing.

    Returns: {task: its calibration}, without tasks that have too few rows for it.
    """
    key = config.trainer.calibration
    if valid is None or key == "none" or not network.calibrations:
        return {}
    calibrations = {}
    tasks = config.chosen_tasks
    outputs = config.model.heads_option.tower_outputs(tasks)
    logits_by_output = logits_by_member(network, config.model.members, valid)
    labels, weights = valid.labels, valid.metric_weights
    for name, layer in network.calibrations.items():
        output = outputs[name]
        weight = np.asarray(weights[output.name], "float64")
        logits = logits_by_output[output.name]
        label = np.nan_to_num(labels[output.label]).astype("int64")
        rows = TowerRows(logits, label, weight, tasks[name].logit_shift)
        calibration = calibrated(key, rows.of(weight > 0))
        if calibration is not None:
            layer.scale.assign(calibration.scale)
            layer.shift.assign(calibration.shift)
            calibrations[name] = calibration
    return calibrations


def logits_by_member(
    network: Network, num_members: int, table: Table | StoredTable
) -> dict[str, Logits]:
    """Returns the logits of each output, (members, rows, num_logits)."""
    columns = {  # (rows, members * num_logits)
        name: ops.reshape(ops.transpose(by_member(x, num_members), (1, 0, 2)), shape)
        for name, x in network.logits.output.items()
        for shape in [(-1, num_members * x.shape[-1])]
    }
    logits = Predictor(keras.Model(network.logits.input, columns))(table)
    return {
        name: x.reshape(table.rows, num_members, -1).swapaxes(0, 1).astype("float64")
        for name, x in logits.items()
    }


def calibrated(
    key: Literal["auto", "none", "temperature", "platt"], rows: TowerRows
) -> Calibrated | None:
    """Fits the method that a key names, and measures it on rows the fit has not seen.

    `auto` fits Platt's method, and keeps the logits as they are if it does not help.

    Returns: None if fewer than two classes have a row for each of the fits.
    """
    if (np.bincount(rows.label) >= NUM_FOLDS).sum() < 2:
        return None
    candidate: Method = "platt" if key == "auto" else key
    methods: tuple[Method, ...] = ("none", candidate)
    log_loss = {method: unseen_log_loss(method, rows) for method in methods}
    helps = key != "auto" or log_loss[candidate] < log_loss["none"]
    method: Method = candidate if helps else "none"
    return Calibrated(method, *fit(method, rows), log_loss, len(rows))


def unseen_log_loss(method: Method, rows: TowerRows) -> float:
    """Returns the log loss of a method on rows that its fit has not seen, in nats.

    Each of 5 fits is made on four fifths of the rows and measured on the last fifth.
    """
    fold = np.random.default_rng(0).permutation(len(rows)) % NUM_FOLDS
    losses = np.empty(len(rows))
    for number in range(NUM_FOLDS):
        fitted, unseen = rows.of(fold != number), rows.of(fold == number)
        losses[fold == number] = unseen.losses(*fit(method, fitted))
    return float(np.average(losses, weights=rows.weight))


def fit(method: Method, rows: TowerRows) -> tuple[float, float]:
    """Returns the scale and the shift with which the log loss of the rows is lowest.

    The method `none` keeps both, and `temperature` keeps the shift.
    """
    if method == "none":
        return 1.0, rows.start

    def scale_and_shift(moves: Floats) -> tuple[float, float]:
        move = float(moves[1]) if method == "platt" else 0.0
        return float(np.exp(moves[0])), rows.start + move

    def penalised_loss(moves: Floats) -> float:
        losses = rows.losses(*scale_and_shift(moves))
        penalty = PRIOR_ROWS / len(rows) * (moves**2).sum()
        return float(np.average(losses, weights=rows.weight) + penalty)

    bounds = [(-MAX_LOG_SCALE, MAX_LOG_SCALE)]
    if method == "platt":
        bounds.append((-MAX_SHIFT, MAX_SHIFT))
    result = minimize(penalised_loss, [0.0] * len(bounds), bounds=bounds)
    return scale_and_shift(result.x)
