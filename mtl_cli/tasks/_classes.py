"""The base of the task kinds that predict one of several classes, as `multiclass`."""

from collections import Counter
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
from pydantic import BeforeValidator, Field, field_validator

from mtl_cli.columns.cells import cells_equal, empty_cells
from mtl_cli.columns.numeric import CellError, first_wrong
from mtl_cli.core.errors import DataError
from mtl_cli.core.message_text import shown, suggest
from mtl_cli.metrics.curves import roc_curve
from mtl_cli.metrics.metric import Floats
from mtl_cli.pages.line_plots import Line, LinePlot
from mtl_cli.tasks.base import Array, Task

# A value of a label column. YAML reads 1.0 as a float; the validator makes it the whole
# number 1.
LabelValue = Annotated[
    str | int,
    BeforeValidator(lambda x: int(x) if isinstance(x, float) and x % 1 == 0 else x),
]


class ClassTask(Task):
    """A label that is one of several classes; the prediction is their probabilities.

    Attributes:
        classes: the label's values, in the order of the predicted probabilities.
    """

    HAS_CLASSES = True

    classes: Annotated[list[LabelValue], Field(min_length=2)]

    @field_validator("classes")
    @classmethod
    def _check_classes(cls, classes: list[str | int]) -> list[str | int]:
        text, count = Counter(map(str, classes)).most_common(1)[0]
        if count > 1:
            raise ValueError(f"lists {text!r} {count} times; list each class once")
        return classes

    @property
    def num_predictions(self) -> int:
        return len(self.classes)

    def column_type(self) -> pa.DataType:
        return pa.string()

    def read_labels(self, message_start: str, column: pa.ChunkedArray) -> Array:
        """Converts each label to its index in `classes`, float32 (rows,).

        An empty cell becomes NaN.
        """
        labels = self.read_known_labels(message_start, column)
        is_unknown = np.isnan(labels) & ~empty_cells(column)
        if wrong := first_wrong(is_unknown):
            row, count_text = wrong
            wrong_value = column[row].as_py()
            hint = suggest(str(wrong_value), [str(v) for v in self.classes])
            raise CellError(
                message_start,
                row,
                f"holds {shown(wrong_value)}, which is not in `classes`",
                f"correct the value, or add {shown(wrong_value)} to `classes`{hint}",
                count_text,
            )
        return labels

    def read_known_labels(self, message_start: str, column: pa.ChunkedArray) -> Array:
        labels = np.full(len(column), np.nan, "float32")
        for index, value in enumerate(self.classes):
            try:
                has_class = cells_equal(column, value)
            except ValueError as error:
                message = f"{message_start} {error}; correct `classes`"
                raise DataError(message) from None
            labels[has_class] = index
        return labels

    def class_sizes(self, labels: Floats, weights: Floats) -> Floats:
        """Returns the sum of the weights of each class, plus 0.5, (classes,).

        The 0.5, half a row, keeps the logarithm of the size finite if a class has no
        rows.
        """
        codes = labels.astype("int64")
        sizes = np.full(len(self.classes), 0.5)
        sizes += np.bincount(codes, weights, minlength=len(self.classes))
        return sizes

    def label_text(self, label: float) -> str:
        return str(self.classes[int(label)])

    def label_column(self, labels: Array) -> Any:
        """Returns a `pandas.Categorical` of class names, in the order of `classes`."""
        import pandas as pd

        # The code -1 is a missing value.
        codes = np.where(np.isnan(labels), -1, labels).astype(np.int64)
        names = pd.Index([str(value) for value in self.classes])
        return pd.Categorical.from_codes(codes, names)

    def prediction_column_names(self, name: str) -> list[str]:
        return [f"{name}.{class_value}" for class_value in self.classes]

    def plots(
        self, label: Floats, prediction: Floats, weight: Floats
    ) -> list[LinePlot]:
        """Returns a plot of one ROC curve per class, and the calibration plot.

        The curve of a class compares its rows with the rows of all other classes.
        """
        calibration = super().plots(label, prediction, weight)
        classes = [int(i) for i in np.unique(label)]
        if len(classes) == 1:
            return calibration
        roc = []
        for i in classes:
            points = roc_curve(1.0 * (label == i), prediction[:, i], weight)
            roc.append(Line(str(self.classes[i]), *points, color=i))
        axes = "false positive rate", "true positive rate"
        return [LinePlot("ROC by class", *axes, roc, diagonal=True), *calibration]
