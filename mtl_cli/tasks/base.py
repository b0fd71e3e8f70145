"""The base class of tasks: the keys and methods that every kind of task has."""

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy.typing as npt
from pydantic import BeforeValidator, Field, model_validator

from mtl_cli.core.errors import suggest
from mtl_cli.core.options import (
    Options,
    Positive,
    Units,
    drop_keys_of_others,
    option_class,
    option_names,
)
from mtl_cli.core.tensors import Tensor
from mtl_cli.metrics.calibration import calibration_buckets
from mtl_cli.metrics.metric import Floats, Metric
from mtl_cli.metrics.regression import truth_rmse
from mtl_cli.pages.line_plots import Line, LinePlot

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from mtl_cli.columns.labels import LabelSummary

Array = npt.NDArray[Any]
# Numbers by name that a task computes from its training labels, such as their mean.
Statistics = dict[str, float]
AXIS = "tasks"


class Task(Options):
    """A label to predict: the keys in a data set's YAML, and what its kind does.

    Attributes:
        label: column that holds the label.
        kind: kind of task, named by its file in `mtl_cli/tasks`.
        weight: factor of the task's loss.
        space: a task or a column of 0 and 1, such as a click; the task is trained and
            scored only on rows where the space is 1. null is all rows.
        metrics: names of the metrics to compute; null is all metrics of the kind. The
            first stands for the task in tables, plots and early stopping.
        tower_units: hidden widths of the task's tower; null is the model's
            `tower_units`.
    """

    # The metrics of the kind. Without the key `metrics` the first stands for the task.
    METRICS: ClassVar[tuple[Metric, ...]]
    # The metric of METRICS that is best for the true probabilities or mean values, and
    # that can be averaged over tasks. Early stopping watches it.
    PROPER_METRIC: ClassVar[Metric | None] = None
    # Keys that training reads, but not the encoding of labels.
    TRAINING_KEYS: ClassVar[frozenset[str]] = frozenset(
        {"loss", "weight", "metrics", "tower_units"}
    )
    # Whether labels are 0 and 1, and a prediction is the probability of 1.
    BINARY_LABELS: ClassVar[bool] = False
    # Whether predictions are probabilities. Only probabilities can be calibrated.
    HAS_PROBABILITIES: ClassVar[bool] = False
    # Whether labels are classes; if so, training rows must hold at least two classes.
    HAS_CLASSES: ClassVar[bool] = True

    label: str
    kind: str
    weight: Positive = 1.0
    space: str | None = None
    metrics: Annotated[list[str], Field(min_length=1)] | None = None
    tower_units: Units | None = None

    @model_validator(mode="before")
    @classmethod
    def _drop_keys_of_other_kinds(cls, values: Any) -> Any:
        return drop_keys_of_others(values, cls, AXIS, Task, "kind")

    @model_validator(mode="after")
    def _check_metrics(self) -> "Task":
        kind_metrics = [metric.name for metric in self.METRICS]
        for name in self.metrics or []:
            if name not in kind_metrics:
                raise ValueError(
                    f"metrics: {name!r} is not one of: {', '.join(kind_metrics)}"
                    f"{suggest(name, kind_metrics)}"
                )
        return self

    @property
    def metric_names(self) -> list[str]:
        """The names of the metrics to compute; the first stands for the task."""
        return self.metrics or [metric.name for metric in self.METRICS]

    def metric(self, name: str) -> Metric:
        """Returns the metric of this kind that has the name."""
        return next(metric for metric in self.METRICS if metric.name == name)

    @property
    def proper_metric(self) -> str:
        """The name of the proper metric; of the first one if the task has none."""
        proper = self.PROPER_METRIC
        if proper is None or proper.name not in self.metric_names:
            return self.metric_names[0]
        return proper.name

    @property
    def num_logits(self) -> int:
        """The number of logits that the task's tower gives for each row."""
        return 1

    @property
    def logit_shift(self) -> float:
        """A number to add to trained logits so that they give true probabilities.

        It is not 0 if training counts some labels more than others, or if the data lack
        some rows of one label.
        """
        return 0.0

    @property
    def kept_negatives(self) -> float:
        """The share of the rows with label 0 that the data keep."""
        return 1.0

    @property
    def kept_negatives_column(self) -> str | None:
        """The column that holds `kept_negatives` of each row; None for one share."""
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
        """Returns the task's keys and values that the encoding of labels depends on."""
        return self.model_dump(exclude=set(self.TRAINING_KEYS))

    def column_type(self) -> "pa.DataType":
        """Returns the Arrow type that a text file's label column is read as."""
        import pyarrow as pa

        return pa.float64()

    @abstractmethod
    def read_labels(self, message_start: str, column: "pa.ChunkedArray") -> Array:
        """Returns the labels as numbers, (rows,), NaN where a cell is empty.

        Classes are float32, other numbers float64.

        Args:
            message_start: the task and the column, for error messages.
            column: the label column of the rows.

        Raises:
            DataError: if a cell holds no label; the message names its row and value.
        """

    def label_text(self, label: float) -> str:
        """Returns a label, as `read_labels` encodes it, in the form for messages."""
        return f"{label:g}"

    def label_column(self, labels: Array) -> "Array | pd.Categorical[str]":
        """Returns labels in the form for a table that users read, (rows,).

        Args:
            labels: (rows,), as `read_labels` encodes them.
        """
        return labels

    def label_statistics(self, labels: "LabelSummary") -> Statistics:
        """Returns the statistics that losses and predictions use; {} for none.

        Args:
            labels: the labels of the training rows, summed up.
        """
        return {}

    @abstractmethod
    def row_losses(
        self, labels: Tensor, logits: Tensor, statistics: Statistics
    ) -> Tensor:
        """Returns the loss of each row, (batch,).

        Args:
            labels: (batch,), as `read_labels` returns them.
            logits: (batch, num_logits), float32.
            statistics: the result of `label_statistics`.
        """

    @abstractmethod
    def predictions(self, logits: Tensor, statistics: Statistics) -> Tensor:
        """Returns probabilities, or values in the label's unit, (batch, num_logits).

        Args:
            logits: (batch, num_logits).
            statistics: the result of `label_statistics`.
        """

    def prediction_columns(self, name: str, predictions: Array) -> dict[str, Array]:
        """Returns the columns of a table of predictions, by name, (rows,) each.

        Args:
            name: the name of the output.
            predictions: (rows,), or (rows, num_logits) of a task with several logits.
        """
        return {name: predictions}

    def calibration_rows(
        self, label: Floats, prediction: Floats, weight: Floats
    ) -> tuple[Floats, Floats, Floats]:
        """Returns the labels, predictions and weights that a calibration plot shows."""
        return label, prediction, weight

    def plots(
        self, label: Floats, prediction: Floats, weight: Floats
    ) -> list[LinePlot]:
        """Returns the plots that show how good predictions are.

        Args:
            label: the labels, (rows,).
            prediction: (rows,), or (rows, num_logits) of a task with several logits.
            weight: the weight of each row, (rows,), above 0.
        """
        rows = self.calibration_rows(label, prediction, weight)
        predicted, actual, weights = calibration_buckets(*rows)
        shares = weights / weights.sum()
        line = Line("calibration", predicted.tolist(), actual.tolist())
        line.tooltips = [
            f"{share:.0%} of the rows: predicted {x:.4g}, actual {y:.4g}"
            for share, x, y in zip(shares, predicted, actual, strict=True)
        ]
        names = "mean prediction", "mean label"
        return [LinePlot("calibration", *names, [line], diagonal=True)]


def whole_number(value: object) -> object:
    """Returns a float that is a whole number as an int, other values unchanged."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


# A value of a label column. YAML reads 1.0 as a float; it becomes the whole number 1.
LabelValue = Annotated[str | int, BeforeValidator(whole_number)]


def null_means(default: str) -> BeforeValidator:
    """Lets a key be null: null then means the key's default value."""
    return BeforeValidator(lambda value: default if value is None else value)


def task_class(kind: str) -> type[Task]:
    """Returns the class of a kind of task."""
    return option_class(AXIS, kind, Task)


def metrics_named(name: str) -> list[Metric]:
    """Returns the metrics that have the name, in all kinds of tasks, each once."""
    metrics = [m for kind in option_names(AXIS) for m in task_class(kind).METRICS]
    return [m for m in dict.fromkeys([*metrics, truth_rmse]) if m.name == name]
