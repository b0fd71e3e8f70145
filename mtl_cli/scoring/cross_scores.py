"""Tests whether combinations of two columns' values explain what a model gets wrong.

The errors of a trained model are examined, one output at a time. An *effect* is what is
added to the logit of a class, or to a predicted number, of all rows with one value or
one combination of values. Effects are fitted to the errors on the training rows, first
those of the values of each column. Then the effects of the combinations of two columns
are fitted to the errors that remain, and tested on the validation rows: if the model
lacks nothing, the effects do not agree with the errors there.

A *code* is the number of a row's value, or combination of values. Code 0 is for rows
without one: an empty cell.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit

from mtl_cli.data.table import Array
from mtl_cli.metrics.metric import Floats
from mtl_cli.scoring.scored_rows import ScoredRows
from mtl_cli.statistics.sampling_units import SamplingUnits
from mtl_cli.statistics.significance import t_test

# A combination with fewer training rows has no effect. A `cross` with `min_count: 2`
# gives such combinations no embedding of their own.
MIN_COUNT = 2
ROUNDS = 4  # of fitting the effects of each column in turn
MAX_PROBABILITY = 1 - 1e-7  # keeps logits finite
# Effects have a normal prior with mean 0. These are its precisions for the effect of a
# value and for that of a combination, on logits, and on numbers in units of the errors'
# standard deviation.
LOGIT_PRECISIONS = 1.0, 5.0
NUMBER_PRECISIONS = 5.0, 25.0


class CrossScore(NamedTuple):
    """How well the effects of combinations, fitted on training rows, hold elsewhere.

    Attributes:
        z: how many standard errors the effects' agreement with the errors on the
            validation rows lies above that of effects without any relation to them.
        p: the p-value of `z`, two-sided.
        loss_change: the change of the loss on the validation rows if the effects are
            added to the predictions, as a fraction of the loss: the log loss or, for
            numbers, the squared error.
    """

    z: float
    p: float
    loss_change: float


@dataclass(frozen=True)
class Margins:
    """An output's labels and predictions, in a form to which effects can be added.

    C is the number of classes of an output with several classes, otherwise 1.

    Attributes:
        labels: 0 or 1 for each class, or numbers in units of the standard deviation of
            the errors on the training rows, (rows, C).
        offsets: logits, or numbers in the unit of `labels`, (rows, C).
        weights: (rows, 1).
        has_classes: whether labels are 0 and 1, and offsets are logits.
    """

    labels: Floats
    offsets: Floats
    weights: Floats
    has_classes: bool

    def errors_and_curvatures(self, offsets: Floats) -> tuple[Floats, Floats]:
        """Returns the negative first and the second derivative of each row's loss."""
        if not self.has_classes:
            curvatures = np.broadcast_to(self.weights, offsets.shape)
            return self.weights * (self.labels - offsets), curvatures
        p = expit(offsets)
        return self.weights * (self.labels - p), self.weights * p * (1 - p)

    def loss(self, offsets: Floats) -> float:
        """Returns the sum of the losses of all rows."""
        if self.has_classes:
            losses = np.logaddexp(0, offsets) - self.labels * offsets
        else:
            losses = np.square(self.labels - offsets) / 2
        return float((self.weights * losses).sum())


def margins(rows: ScoredRows) -> Margins | None:
    """Returns labels and predictions of rows, with numbers in their own unit.

    Returns None if the predictions of the output are not numbers or probabilities of
    classes that labels can be compared with.
    """
    task = rows.output.task
    columns = task.calibration_rows(rows.label, rows.prediction, rows.weight)
    if columns is None:
        return None
    labels, predictions, _ = (x.reshape(len(rows.label), -1) for x in columns)
    if task.HAS_CLASSES:
        p = np.clip(predictions, 1 - MAX_PROBABILITY, MAX_PROBABILITY)
        predictions = logit(p)
    return Margins(labels, predictions, rows.weight[:, None], task.HAS_CLASSES)


class CrossTest:
    """Tests pairs of columns on the errors of an output.

    Args:
        train, valid: the training and the validation rows.
        valid_units: the units of sampling of the validation rows.
        train_codes: the codes of the training rows in each column, (rows,) each.
    """

    def __init__(
        self,
        train: Margins,
        valid: Margins,
        valid_units: SamplingUnits,
        train_codes: Iterable[Array],
    ) -> None:
        deviation = 1.0
        if not train.has_classes:
            weights = train.weights[:, 0]
            squares = np.square(train.labels - train.offsets)[:, 0]
            deviation = float(np.sqrt(np.average(squares, weights=weights))) or 1.0
        train, self.valid = in_unit(train, deviation), in_unit(valid, deviation)
        self.valid_units = valid_units
        precisions = LOGIT_PRECISIONS if train.has_classes else NUMBER_PRECISIONS
        self.precision = precisions[1]
        offsets = train.offsets.copy()
        for codes in [*train_codes] * ROUNDS:
            self.errors, self.curvatures = train.errors_and_curvatures(offsets)
            offsets += self.effects(codes, precisions[0], codes.max() + 1)[codes]
        self.errors, self.curvatures = train.errors_and_curvatures(offsets)
        # The same for all pairs.
        self.valid_errors, _ = self.valid.errors_and_curvatures(self.valid.offsets)
        self.valid_loss = self.valid.loss(self.valid.offsets)

    def effects(self, codes: Array, precision: float, num_codes: int) -> Floats:
        """Fits the effect of each code to the errors, (codes, C), by a Newton step."""

        def sums(values: Floats) -> Floats:
            columns = [np.bincount(codes, x, num_codes) for x in values.T]
            return np.stack(columns, axis=1)

        return sums(self.errors) / (sums(self.curvatures) + precision)

    def score(self, train_codes: Array, valid_codes: Array) -> CrossScore:
        """Scores a pair of columns by the codes of its combinations, (rows,) each."""
        num_codes = max(train_codes.max(), valid_codes.max()) + 1
        effects = self.effects(train_codes, self.precision, num_codes)
        effects[np.bincount(train_codes, minlength=num_codes) < MIN_COUNT] = 0
        effects[0] = 0
        valid_effects = effects[valid_codes]
        products = (self.valid_errors * valid_effects).sum(axis=1)
        # The errors on the rows of a group depend on each other.
        products = np.bincount(self.valid_units.unit_of_row, products)
        deviation = float(np.sqrt(np.square(products).sum()))
        if not deviation:  # no combination of the validation rows has an effect
            return CrossScore(z=0.0, p=1.0, loss_change=0.0)
        z = float(products.sum()) / deviation
        new_loss = self.valid.loss(self.valid.offsets + valid_effects)
        p = t_test(z, 1.0, max(1, self.valid_units.num - 1)).p_value
        return CrossScore(z, p, new_loss / self.valid_loss - 1)


def in_unit(margins: Margins, unit: float) -> Margins:
    labels, offsets = margins.labels / unit, margins.offsets / unit
    return Margins(labels, offsets, margins.weights, margins.has_classes)
