"""The base class of tasks: the keys of every kind, and the methods of a kind."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import BeforeValidator, Field, model_validator

from mtl_cli.core.errors import RowError, suggest
from mtl_cli.core.options import (
    Options,
    Positive,
    Units,
    drop_keys_of_others,
    option_class,
    option_names,
)
from mtl_cli.core.tensors import Tensor
from mtl_cli.metrics.metric import Floats, Metric
from mtl_cli.metrics.regression import truth_rmse

if TYPE_CHECKING:
    import pyarrow as pa

Array = npt.NDArray[Any]
Statistics = dict[str, float]
AXIS = "tasks"


@dataclass
class LabelSummary:
    """The training labels of one task in numbers.

    Attributes:
        rows: number of labels.
        total: their sum.
        squares: the sum of their squares.
        lowest: the smallest label.
        highest: the largest label.
    """

    rows: int = 0
    total: float = 0.0
    squares: float = 0.0
    lowest: float = np.inf
    highest: float = -np.inf

    def add(self, labels: Floats) -> None:
        """Adds the labels of some more rows."""
        if len(labels):
            self.rows += len(labels)
            self.total += labels.sum()
            self.squares += (labels**2).sum()
            self.lowest = min(self.lowest, float(labels.min()))
            self.highest = max(self.highest, float(labels.max()))


class Task(Options):
    """A label to predict, as a data set's YAML declares it: the keys of every kind.

    Attributes:
        label: column that holds the label.
        kind: the file of this folder that holds the kind of task.
        weight: factor of the task's loss.
        space: a task or a column of 0 and 1: only rows where it is 1 are trained on
            and scored (purchases after a click); null is all rows.
        metrics: names of the metrics to compute; null is all of the kind. The first
            stands for the task in tables, plots and early stopping.
        tower_units: widths of the task's tower; null is the model's.
    """

    # The metrics of the kind; the first is the usual one for early stopping.
    METRICS: ClassVar[tuple[Metric, ...]]
    # Keys that the encoded labels do not depend on.
    TRAINING_KEYS: ClassVar[frozenset[str]] = frozenset(
        {"loss", "weight", "metrics", "tower_units"}
    )
    # Whether labels are 0 and 1 and predictions the probability of 1.
    BINARY_LABELS: ClassVar[bool] = False
    # Whether labels are classes; then training rows must hold at least two classes.
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
        known = [metric.name for metric in self.METRICS]
        for name in self.metrics or []:
            if name not in known:
                raise ValueError(
                    f"metrics: {name!r} is not one of: {', '.join(known)}"
                    f"{suggest(name, known)}"
                )
        return self

    @property
    def metric_names(self) -> list[str]:
        """The metrics to compute."""
        return self.metrics or [metric.name for metric in self.METRICS]

    def metric(self, name: str) -> Metric:
        """Returns the kind's metric of a name."""
        return next(metric for metric in self.METRICS if metric.name == name)

    @property
    def num_logits(self) -> int:
        """The number of logits that the task's tower ends in."""
        return 1

    @property
    def truth_column(self) -> str | None:
        """The column of the label's true probability, if the data set has one."""
        return None

    @property
    def required_values(self) -> list[str | int]:
        """The values that the label's column must hold in training rows."""
        return []

    def encoding_keys(self) -> dict[str, Any]:
        """Returns the keys that the encoded labels depend on, and their values."""
        return self.model_dump(exclude=set(self.TRAINING_KEYS))

    def column_type(self) -> "pa.DataType":
        """Returns the type that the label's column of a text file is read as."""
        import pyarrow as pa

        return pa.float64()

    @abstractmethod
    def read_labels(self, where: str, column: "pa.ChunkedArray") -> Array:
        """Returns the labels as numbers, float32 (rows,), NaN where a cell is empty.

        Args:
            where: the task and the column, for messages.
            column: the label's column of the table.

        Raises:
            DataError: naming the column, row and value that is not a label.
        """

    def label_text(self, label: float) -> str:
        """Returns a label as messages show it."""
        return f"{label:g}"

    def label_statistics(self, labels: LabelSummary) -> Statistics:
        """Returns what the task must know of its training labels; {} for nothing."""
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
        """Returns probabilities, or values in the label's own unit.

        Args:
            logits: (batch, num_logits).
            statistics: the result of `label_statistics`.
        """

    def prediction_columns(self, name: str, predictions: Array) -> dict[str, Array]:
        """Returns the columns of a table of predictions, by name.

        Args:
            name: the name of the output.
            predictions: (rows,), or (rows, num_logits).
        """
        return {name: predictions}

    def calibration_rows(
        self, label: Floats, prediction: Floats, weight: Floats
    ) -> tuple[Floats, Floats, Floats]:
        """Returns the rows of a calibration plot: labels, predictions and weights."""
        return label, prediction, weight


def null_is(default: str) -> BeforeValidator:
    """Lets a key be null: null stands for the default."""
    return BeforeValidator(lambda value: default if value is None else value)


def kind_of_task(name: str) -> type[Task]:
    """Returns the class of a kind of task."""
    return option_class(AXIS, name, Task)


def metrics_named(name: str) -> list[Metric]:
    """Returns the metrics of a name, of all kinds of tasks, each once."""
    metrics = [m for kind in option_names(AXIS) for m in kind_of_task(kind).METRICS]
    return [m for m in dict.fromkeys([*metrics, truth_rmse]) if m.name == name]


def numbers_in(where: str, column: "pa.ChunkedArray", fix: str) -> Floats:
    """Returns a label's column as numbers, NaN where a cell is empty.

    Args:
        where: the task and the column, for messages.
        column: the label's column of the table.
        fix: what to do about text, for messages.

    Raises:
        DataError: if the column holds something else.
    """
    from mtl_cli.columns.numeric import as_numbers
    from mtl_cli.core.errors import DataError, shown

    try:
        return as_numbers(where, column)
    except RowError as error:
        raise RowError(where, error.row, f"{error.problem}; {fix}") from None
    except DataError:
        example = next(cell.as_py() for cell in column if cell.is_valid)
        raise DataError(
            f"{where} holds {column.type} such as {shown(example)}, not numbers; {fix}"
        ) from None


def refuse_labels(where: str, labels: Array, wrong: Array, rule: str) -> None:
    """Raises an error that names the first wrong label, if there is one.

    Args:
        where: the task and the column, for messages.
        labels: the labels, (rows,); NaN marks an empty cell and is never refused.
        wrong: whether each label breaks the rule, (rows,).
        rule: what a label must be.
    """
    wrong = wrong & ~np.isnan(labels)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise RowError(
            where,
            row,
            f"holds {labels[row]:g}, not {rule} ({int(wrong.sum())} such rows); an "
            "empty cell is a missing label",
        )
