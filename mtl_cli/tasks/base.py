"""The base class of tasks: the keys and methods that every kind of task has."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field, model_validator

from mtl_cli.columns.labels import LabelSummary
from mtl_cli.core.message_text import suggest
from mtl_cli.core.option_classes import option_class
from mtl_cli.core.option_keys import without_keys_of_other_options
from mtl_cli.core.options import Options, Positive, Units
from mtl_cli.core.tensors import Tensor
from mtl_cli.metrics.log_loss import losses_of_classes
from mtl_cli.metrics.metric import Floats, Metric
from mtl_cli.pages.line_plots import LinePlot
from mtl_cli.tasks._plots import calibration_plot

Array = npt.NDArray[Any]
# {name: a number that a task computes from its training labels, such as their mean}
Statistics = dict[str, float]
# A calibration of the logits of a tower: `temperature` fits a scale, `platt` a scale
# and a shift, and `factor` a shift. See `training/calibration.py`.
CalibrationMethod = Literal["none", "temperature", "platt", "factor"]
AXIS = "tasks"  # the folder of the kinds, for `option_class` and similar functions


class Task(Options):
    """A label to predict: its keys in a data set's YAML, and the code of its kind.

    In all methods, these arguments have the same meaning:

    - `labels`: labels as `read_labels` encodes them, without NaN, (rows,) or (batch,).
    - `weights`: the weights of these rows, (rows,).
    - `logits`: the logits of the task's tower, (batch, num_logits).
    - `statistics`: the result of `label_statistics`.
    - `predictions`: predictions of a table, (rows,) if there is one per row, otherwise
      (rows, num_predictions).

    Attributes:
        label: column that holds the label.
        kind: kind of the task, named by its file in `mtl_cli/tasks`.
        weight: factor of the task's loss.
        space: a task or a column of 0 and 1, such as a click. The task is trained and
            scored only on the rows where the space is 1. null uses all rows.
        metrics: names of the metrics to compute; null computes all metrics of the kind.
            The first metric is the main metric: tables and plots show it, and early
            stopping watches it if `trainer.monitor` is a task or `mean`.
        tower_units: hidden widths of the task's tower; null takes the model's
            `tower_units`.
    """

    # All metrics of the kind. The first metric is the main metric, unless the key
    # `metrics` is set.
    METRICS: ClassVar[tuple[Metric, ...]]
    # A metric of METRICS that is best if the predictions are the true probabilities or
    # mean values, and that can be averaged over tasks. Early stopping uses this metric
    # if `trainer.monitor` is `auto`.
    PROPER_METRIC: ClassVar[Metric | None] = None
    # Keys that change only the training, not the encoded labels.
    TRAINING_KEYS: ClassVar[set[str]] = {"loss", "weight", "metrics", "tower_units"}
    # Whether labels are 0 and 1, and a prediction is the probability of 1.
    BINARY_LABELS: ClassVar[bool] = False
    # Whether labels are classes, and predictions are the probabilities of the classes.
    # If so, training rows must hold at least two classes.
    HAS_CLASSES: ClassVar[bool] = False

    label: str
    kind: str
    weight: Positive = 1.0
    space: str | None = None
    metrics: Annotated[list[str], Field(min_length=1)] | None = None
    tower_units: Units | None = None

    @model_validator(mode="before")
    @classmethod
    def _drop_keys_of_other_kinds(cls, values: Any) -> Any:
        values = without_keys_of_other_options(values, cls, AXIS, Task, "kind")
        # `loss: null` means the usual loss of the kind.
        if isinstance(values, dict) and "loss" in values and values["loss"] is None:
            del values["loss"]
        return values

    @model_validator(mode="after")
    def _check_metrics(self) -> "Task":
        metrics: Any = getattr(self, "METRICS", ())
        is_list = isinstance(metrics, tuple | list) and len(metrics) > 0
        if not is_list or not all(isinstance(m, Metric) for m in metrics):
            raise ValueError(
                f"kind: {self.kind!r} needs METRICS, a tuple of functions with the "
                "decorator `metric`, as in METRICS = (rmse,)"
            )
        names = [metric.name for metric in metrics]
        for name in self.metrics or []:
            if name not in names:
                known_metrics = f"{', '.join(names)}{suggest(name, names)}"
                raise ValueError(f"metrics: {name!r} is not one of: {known_metrics}")
        for metric in map(self.metric, self.metric_names):
            if metric.several_predictions != (self.num_predictions > 1):
                raise ValueError(
                    f"metrics: kind {self.kind!r} makes {self.num_predictions} "
                    f"predictions per row; correct the flag several_predictions of "
                    f"the metric {metric.name!r}"
                )
        return self

    @property
    def metric_names(self) -> list[str]:
        return self.metrics or [metric.name for metric in self.METRICS]

    def metric(self, name: str) -> Metric:
        return next(metric for metric in self.METRICS if metric.name == name)

    @property
    def proper_metric(self) -> str:
        """The name of `PROPER_METRIC` if it is computed, else of the main metric."""
        if self.PROPER_METRIC and self.PROPER_METRIC.name in self.metric_names:
            return self.PROPER_METRIC.name
        return self.metric_names[0]

    @property
    def num_logits(self) -> int:
        """The number of logits that the task's tower computes for each row."""
        return 1

    @property
    def num_predictions(self) -> int:
        """The number of values that the task predicts for each row."""
        return self.num_logits

    @property
    def logit_shift(self) -> float:
        """The number to add to the trained logits, so that probabilities are right.

        Without it, they are wrong if training gives rows with label 1 another weight,
        or if the data lack some rows with label 0.
        """
        return 0.0

    @property
    def odds_factor(self) -> float:
        """The factor of the learnt odds, if training gives label 1 another weight."""
        return 1.0

    @property
    def kept_negatives(self) -> float:
        """The fraction of the rows with label 0 that the data keep."""
        return 1.0

    @property
    def kept_negatives_column(self) -> str | None:
        """The column with `kept_negatives` for each row; None if there is no column."""
        return None

    @property
    def lacks_negatives(self) -> bool:
        """Whether the data lack some rows with label 0."""
        return self.kept_negatives < 1 or self.kept_negatives_column is not None

    @property
    def truth_column(self) -> str | None:
        """The column of the label's true probability, if the data set has one."""
        return None

    @property
    def required_values(self) -> list[str | int]:
        """The values that training rows must hold at least once in the label column."""
        return []

    def encoding_keys(self) -> dict[str, Any]:
        """Returns the keys on which the encoded labels depend, {key: value}."""
        return self.model_dump(exclude=self.TRAINING_KEYS)

    def column_type(self) -> pa.DataType:
        """Returns the Arrow type as which the label column of a text file is read."""
        return pa.float64()

    @abstractmethod
    def read_labels(self, message_start: str, column: pa.ChunkedArray) -> Array:
        """Converts a label column to numbers, (rows,), NaN where a cell is empty.

        Labels of classes are float32, other labels float64. The column may have no
        rows. Raises a `DataError` if a cell is not a label: the message begins with
        `message_start`, and names the row.
        """

    def read_known_labels(self, message_start: str, column: pa.ChunkedArray) -> Array:
        """Converts a label column like `read_labels`, but unknown classes become NaN.

        An evaluation calls this method, and so leaves out rows of unknown classes. If a
        subclass overrides only `read_labels`, an evaluation calls `read_labels`.
        """
        return self.read_labels(message_start, column)

    def label_text(self, label: float) -> str:
        """Returns an encoded label as messages name it, such as the class `red`."""
        return f"{label:g}"

    def label_column(self, labels: Array) -> Any:
        """Returns encoded labels as a column, (rows,), of a table that users read."""
        return labels

    def summarized(self, labels: Floats) -> Floats:
        """Returns the numbers whose mean and deviation a task needs, (rows,).

        For example, `ziln` summarizes the logarithms of labels. NaN leaves a label out.
        """
        return labels

    def label_statistics(self, labels: LabelSummary) -> Statistics:
        """Returns the statistics that losses and predictions use; {} for none.

        `labels` summarizes the numbers that `summarized` returns.
        """
        return {}

    def check_statistics(self, statistics: Statistics) -> None:
        """Raises a `ValueError` if `label_statistics` cannot have returned the values.

        A forged saved model or entry of the cache can hold such values.
        """

    def initial_logits(
        self, labels: Floats, weights: Floats, statistics: Statistics
    ) -> Floats:
        """Returns the logits with which a tower starts: the same for all rows.

        Of all logits that do not depend on the row, these have the lowest loss for the
        labels. `weights` are the weights of the rows, divided by their mean.

        Returns: (num_logits,).
        """
        return np.zeros(self.num_logits)

    @abstractmethod
    def row_losses(
        self, labels: Tensor, logits: Tensor, statistics: Statistics
    ) -> Tensor:
        """Returns the loss of each row, (batch,). The logits are float32."""

    @abstractmethod
    def predictions(self, logits: Tensor, statistics: Statistics) -> Tensor:
        """Returns probabilities, or values in the label's unit.

        Returns: (batch, num_predictions).
        """

    @property
    def calibration_methods(self) -> Mapping[str, CalibrationMethod]:
        """{value of `trainer.calibration`: the method that calibrates this kind}.

        With a value that is not among the keys, the logits stay as trained.
        """
        if not self.HAS_CLASSES:
            return {}
        return {"auto": "platt", "platt": "platt", "temperature": "temperature"}

    def shift_direction(self, statistics: Statistics) -> list[float] | None:
        """Returns how far each logit moves if the shift of a calibration grows by 1.

        Returns None if each logit moves by 1.
        """
        return None

    def can_calibrate(self, labels: Floats, min_rows: int) -> bool:
        """Whether labels suffice for a calibration: two classes of `min_rows` rows."""
        rows_by_class = np.bincount(labels.astype("int64"))
        return bool((rows_by_class >= min_rows).sum() >= 2)

    def calibration_losses(
        self, labels: Floats, predictions: Floats, statistics: Statistics
    ) -> Floats:
        """Returns the losses that a calibration lowers: the log loss in nats, (rows,).

        Here the predictions are always (rows, num_predictions).
        """
        if predictions.shape[1] == 1:  # only the probability of label 1
            predictions = np.concatenate([1 - predictions, predictions], axis=1)
        return losses_of_classes(labels, predictions)

    def prediction_column_names(self, name: str) -> list[str]:
        """Returns the columns of the output `name` in a table of predictions."""
        return [name]

    def prediction_columns(self, name: str, predictions: Array) -> dict[str, Array]:
        """Returns {column: (rows,)} for the output `name` in a table of predictions."""
        columns = [predictions] if predictions.ndim == 1 else predictions.T
        return dict(zip(self.prediction_column_names(name), columns, strict=True))

    def calibration_rows(
        self, label: Floats, prediction: Floats, weight: Floats
    ) -> tuple[Floats, Floats, Floats] | None:
        """Returns the labels, predictions and weights that a calibration plot shows.

        With several classes, each pair of a row and a class becomes a binary row, whose
        label says whether the label of the row is this class.

        Returns: three arrays of one length; None if a row has several predictions that
            are not the probabilities of classes.
        """
        if prediction.ndim == 1:
            return label, prediction, weight
        if not self.HAS_CLASSES:
            return None
        num_classes = prediction.shape[1]
        one_hot = np.eye(num_classes)[label.astype("int64")]
        return one_hot.ravel(), prediction.ravel(), weight.repeat(num_classes)

    def plots(
        self, label: Floats, prediction: Floats, weight: Floats
    ) -> list[LinePlot]:
        """Returns the plots that show how good predictions are. Weights are above 0."""
        rows = self.calibration_rows(label, prediction, weight)
        return [] if rows is None else [calibration_plot(*rows)]


def task_class(kind: str) -> type[Task]:
    return option_class(AXIS, kind, Task)
