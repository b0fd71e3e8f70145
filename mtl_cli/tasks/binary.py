"""Binary tasks: predict the probability that a label is 1, not 0."""

import math
from typing import Annotated, ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator

from mtl_cli.columns.cells import cells_equal, empty_cells, spelled_alike
from mtl_cli.columns.labels import check_labels, read_label_numbers
from mtl_cli.columns.numeric import CellError, first_wrong
from mtl_cli.core.errors import DataError
from mtl_cli.core.message_text import shown
from mtl_cli.core.options import NotNegative, Positive, PositiveUpToOne
from mtl_cli.core.tensors import Tensor
from mtl_cli.metrics.auc import auc, gauc, pr_auc
from mtl_cli.metrics.calibration import ece, pcoc
from mtl_cli.metrics.curves import histogram, precision_recall_curve, roc_curve
from mtl_cli.metrics.log_loss import log_loss, normalized_entropy
from mtl_cli.metrics.metric import Floats, Metric
from mtl_cli.pages.line_plots import Line, LinePlot
from mtl_cli.tasks._classes import LabelValue
from mtl_cli.tasks.base import Array, Statistics, Task


class Binary(Task):
    """A label of 0 and 1; the prediction is the probability of 1.

    Attributes:
        positive: the value or values that are read as 1; all other values are read as
            0. null if the column holds 0 and 1.
        loss: the loss that training minimises: `bce`, binary cross-entropy, or `focal`.
        focal_gamma: gamma of loss `focal`. With a larger gamma, rows whose label is
            already predicted well have less weight.
        positive_weight: factor of the loss of rows whose label is 1. With loss `bce`,
            predictions are still probabilities: their odds are divided by the factor.
        sampling_rate: fraction of the rows with label 0 that the data keep, while they
            keep all rows with label 1; or the column that holds this fraction for each
            row. Training uses the rows as they are. Predictions and metrics are
            corrected, so that they hold for the data with all rows.
        truth: column of the true probability of label 1, for simulated data. The
            column adds the metric `truth_rmse`, over all rows, also outside of the
            space.
    """

    METRICS: ClassVar[tuple[Metric, ...]] = (
        auc,
        pr_auc,
        log_loss,
        normalized_entropy,
        ece,
        pcoc,
        gauc,
    )
    PROPER_METRIC = normalized_entropy
    TRAINING_KEYS = Task.TRAINING_KEYS | {"focal_gamma", "positive_weight"}
    BINARY_LABELS = True
    HAS_CLASSES = True

    kind: str = "binary"
    positive: LabelValue | list[LabelValue] | None = None
    loss: Literal["bce", "focal"] = "bce"
    focal_gamma: NotNegative = 2.0
    positive_weight: Positive = 1.0
    sampling_rate: PositiveUpToOne | Annotated[str, Field(min_length=1)] = 1.0
    truth: str | None = None

    @model_validator(mode="after")
    def _check_focal_gamma(self) -> "Binary":
        if self.focal_gamma != 2 and self.loss != "focal":
            raise ValueError(
                "focal_gamma: only loss focal uses this key; set focal_gamma to 2.0"
            )
        return self

    @property
    def logit_shift(self) -> float:
        """Corrects for `positive_weight` and for a `sampling_rate` that is a number.

        If the data hold only the fraction r of the rows with label 0, the learnt odds
        of label 1 are 1 / r times too high. A weight w of the rows with label 1 raises
        the odds w times more. The logit is the logarithm of the odds, so the correction
        adds log(r / w).
        """
        return math.log(self.kept_negatives / self.odds_factor)

    @property
    def odds_factor(self) -> float:
        # With the loss `focal`, predictions are no true probabilities, and no factor of
        # the odds corrects them for the weight.
        return self.positive_weight if self.loss == "bce" else 1.0

    @property
    def kept_negatives(self) -> float:
        return self.sampling_rate if isinstance(self.sampling_rate, float) else 1.0

    @property
    def kept_negatives_column(self) -> str | None:
        return self.sampling_rate if isinstance(self.sampling_rate, str) else None

    @property
    def truth_column(self) -> str | None:
        return self.truth

    @property
    def required_values(self) -> list[str | int]:
        if self.positive is None:
            return []
        return self.positive if isinstance(self.positive, list) else [self.positive]

    def column_type(self) -> pa.DataType:
        return pa.float64() if self.positive is None else pa.string()

    def read_labels(self, message_start: str, column: pa.ChunkedArray) -> Array:
        if self.positive is None:
            fix = "name the value that is read as 1 in `positive:`"
            labels = read_label_numbers(message_start, column, fix)
            check_labels(message_start, labels, ~np.isin(labels, (0, 1)), "0 or 1")
        else:
            labels = np.zeros(len(column))
            for value in self.required_values:
                try:
                    is_positive = cells_equal(column, value)
                except ValueError as error:
                    message = f"{message_start} {error}; correct `positive`"
                    raise DataError(message) from None
                labels[is_positive] = 1
            self._refuse_other_spelling(message_start, column, labels)
            labels[empty_cells(column)] = np.nan
        return labels.astype("float32")

    def _refuse_other_spelling(
        self, message_start: str, column: pa.ChunkedArray, labels: Array
    ) -> None:
        """Raises a `CellError` for a cell that spells a positive value otherwise."""
        texts = map(str, self.required_values)
        if wrong := first_wrong(spelled_alike(column, texts) & (labels == 0)):
            row, count_text = wrong
            value = shown(column[row].as_py())
            fault = f"holds {value}, another spelling of a value of `positive`"
            fix = "add it to the list `positive`, or correct the cell"
            raise CellError(message_start, row, fault, fix, count_text)

    def initial_logits(
        self, labels: Floats, weights: Floats, statistics: Statistics
    ) -> Floats:
        """Returns the logarithm of the odds of label 1, (1,).

        For the loss `focal`, no formula gives the best logit, so it is searched.
        """
        positives = float(weights @ labels)
        negatives = len(labels) - positives  # the weights sum to the number of rows
        # Half a row more of each label keeps the logit finite if a label is missing.
        if self.loss == "focal":
            return self._best_focal_logit(positives + 0.5, negatives + 0.5)
        odds = (self.positive_weight * positives + 0.5) / (negatives + 0.5)
        return np.log([odds])

    def _best_focal_logit(self, positives: float, negatives: float) -> Floats:
        """Searches the logit with the lowest focal loss of these rows, (1,)."""
        import tensorflow as tf
        from scipy.optimize import minimize_scalar

        def loss(logit: float) -> float:
            logits = tf.fill((2, 1), tf.constant(logit, tf.float32))
            losses = self.row_losses(tf.constant([0.0, 1.0]), logits, {}).numpy()
            return float(losses @ [negatives, positives])

        found = minimize_scalar(loss, bounds=(-20, 20), method="bounded")
        return np.array([found.x])

    def row_losses(
        self, labels: Tensor, logits: Tensor, statistics: Statistics
    ) -> Tensor:
        import tensorflow as tf

        logit = logits[:, 0]
        if self.loss == "focal":
            losses = focal(labels, logit, self.focal_gamma)
        else:
            losses = bce(labels, logit)
        if self.positive_weight != 1:
            losses *= tf.where(labels == 1, self.positive_weight, 1.0)
        return losses

    def predictions(self, logits: Tensor, statistics: Statistics) -> Tensor:
        from keras import ops

        return ops.sigmoid(logits)

    def plots(
        self, label: Floats, prediction: Floats, weight: Floats
    ) -> list[LinePlot]:
        # If all labels are equal, there is no ranking to plot.
        if label.min() == label.max():
            return super().plots(label, prediction, weight)
        rows = label, prediction, weight
        roc = Line("roc", *roc_curve(*rows))
        precision = Line("precision", *precision_recall_curve(*rows))
        bounds = float(prediction.min()), float(prediction.max())
        histograms = [
            Line(
                f"label {value}",
                *histogram(prediction[label == value], weight[label == value], *bounds),
                color=value,
            )
            for value in (0, 1)
        ]
        axes = "false positive rate", "true positive rate"
        return [
            LinePlot("ROC", *axes, [roc], diagonal=True),
            LinePlot("precision by recall", "recall", "precision", [precision]),
            *super().plots(*rows),
            LinePlot("predictions by label", "prediction", "share of rows", histograms),
        ]


def bce(label: Tensor, logit: Tensor) -> Tensor:
    """Returns the binary cross-entropy of each row, in nats, (batch,).

    TensorFlow's function is exact even for large logits.
    """
    import tensorflow as tf

    return tf.nn.sigmoid_cross_entropy_with_logits(labels=label, logits=logit)


def focal(label: Tensor, logit: Tensor, gamma: float) -> Tensor:
    """Returns the focal loss of each row, in nats, (batch,).

    The loss is the cross-entropy times (1 - p)^gamma, where p is the predicted
    probability of the row's label.

    Reference: Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, eq. 4.
    """
    import tensorflow as tf

    # (1 - p)^gamma is computed as exp(gamma log(1 - p)). If a prediction is so sure
    # that 1 - p rounds to 0, the gradient of the power is infinite for gamma below 1.
    log_one_minus_p = tf.math.log_sigmoid(tf.where(label > 0.5, -logit, logit))
    return tf.exp(gamma * log_one_minus_p) * bce(label, logit)
