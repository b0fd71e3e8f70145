"""Calibrates the predictions of a trained network on the validation rows.

Each logit of a tower becomes `scale * logit + shift * direction`; see
`Task.shift_direction`. For probabilities, the method `temperature` fits the scale, and
`platt` the scale and the shift. For mean amounts, the method `factor` fits the shift:
each prediction is multiplied by exp(shift).
"""

import math
from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from mtl_cli.config.run_config import Config
from mtl_cli.data.table import Table
from mtl_cli.layers.members import split_by_member
from mtl_cli.network.network import Network, Predictor
from mtl_cli.tasks.base import CalibrationMethod
from mtl_cli.training.calibration_fit import (
    NUM_FOLDS,
    Logits,
    TowerRows,
    finite_rows,
    fit,
    unseen_loss,
)


@dataclass(frozen=True)
class TowerCalibration:
    """The fitted calibration of a task's tower.

    Attributes:
        method: the fitted method; `none` if `trainer.calibration` is `auto` and the fit
            does not help.
        initial_shift: the part of the shift that corrects for the task's keys
            `positive_weight` and `sampling_rate`. With the method `none`, the shift is
            this part.
        losses: {method: mean loss}, for `none` and for the method that was fitted, on
            validation rows that the fit has not seen; see `Task.calibration_losses`.
            {} if too few rows are left to fit.
        rows: number of the fitted rows, all with a weight above 0.
        rows_left_out: number of rows whose loss does not stay finite.
    """

    method: CalibrationMethod
    scale: float
    shift: float
    initial_shift: float
    losses: dict[CalibrationMethod, float]
    rows: int
    rows_left_out: int = 0

    def __str__(self) -> str:
        """The calibration as text, such as `logits x 0.873 + 0.020`."""
        if self.method == "none":
            return "as trained"
        if self.method == "factor":
            return f"predictions x {math.exp(self.shift):.3f}"
        change = round(self.shift - self.initial_shift, 3)
        sign = "-" if change < 0 else "+"
        shift_text = f" {sign} {abs(change):.3f}" if change else ""
        return f"logits x {self.scale:.3f}{shift_text}"


def calibrate(
    config: Config, network: Network, valid: Table | None
) -> dict[str, TowerCalibration]:
    """Fits and sets the calibration of each task that can be calibrated.

    `network.predictions` changes. An ensemble of runs does not change, because each of
    its runs is calibrated already.

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
        members = ops.transpose(split_by_member(output, num_members), (1, 0, 2))
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

    Rows whose loss does not stay finite are left out. If `must_help` is true, the
    logits stay as they are if the method does not lower the mean loss.

    Returns: None if there are too few labels, see `Task.can_calibrate`. If rows are
        left out, and too few labels remain, the result has the method `none` instead.
    """
    is_finite = finite_rows(rows)
    num_left_out = int((~is_finite).sum())
    rows = rows.select(is_finite)
    losses: dict[CalibrationMethod, float] = {}
    if rows.task.can_calibrate(rows.label, NUM_FOLDS):
        losses = {"none": unseen_loss("none", rows), method: unseen_loss(method, rows)}
        helps = losses[method] < losses["none"]
        if must_help and not helps:
            method = "none"
    elif num_left_out == 0:
        return None
    else:
        method = "none"
    scale, shift = fit(method, rows)
    return TowerCalibration(
        method=method,
        scale=scale,
        shift=shift,
        initial_shift=rows.task.logit_shift,
        losses=losses,
        rows=len(rows),
        rows_left_out=num_left_out,
    )
