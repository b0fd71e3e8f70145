"""The code of an exported MLflow model: a SavedModel that predicts rows of a DataFrame.

MLflow copies this file into each exported model, and imports the copy wherever the
model is served. Therefore this file must not import other modules of mtl-cli.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import tensorflow as tf
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel


class RawColumnsModel(PythonModel):
    """Predicts the rows of a DataFrame with a SavedModel whose inputs are columns."""

    def load_context(self, context: Any) -> None:
        folder = Path(context.artifacts["model"])
        record = json.loads((folder / "export.json").read_text("utf-8"))
        self.input_kinds: dict[str, str] = record["inputs"]
        self.outputs: list[str] = record["outputs"]
        self.saved_model = tf.saved_model.load(str(folder))

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: Any = None
    ) -> pd.DataFrame:
        """Returns the predictions: one row for each row of `model_input`.

        Raises a `ValueError` that names the column if a cell cannot be converted, or if
        a column is missing.
        """
        # MLflow itself accepts missing columns: it lets columns hold empty cells only
        # if the whole columns are optional.
        if missing := [name for name in self.input_kinds if name not in model_input]:
            raise ValueError(
                f"the rows have no column {', '.join(missing)}; give null for empty "
                "cells"
            )
        serve = self.saved_model.signatures["serving_default"]
        inputs = {}
        for column, kind in self.input_kinds.items():
            try:
                inputs[column] = tf.constant(as_array(model_input[column], kind))
            except (TypeError, ValueError) as error:  # a dict has the wrong type
                raise ValueError(f"column {column}: {error}") from None
        columns = {name: values.numpy() for name, values in serve(**inputs).items()}
        return pd.DataFrame(columns, index=model_input.index)[self.outputs]


def as_array(cells: "pd.Series[Any]", kind: str) -> npt.NDArray[Any]:
    """Converts a column of some kind, see `InputKind`, to an input of the SavedModel.

    A missing cell becomes NaN or "". A column of lists becomes a matrix with one row
    per list, filled up with NaN or "".
    """
    if kind == "number":
        return cells.to_numpy("float64", na_value=np.nan)
    if kind == "text":
        return np.array([as_text(cell) for cell in cells], dtype=object)
    lists = [[] if is_missing(cell) else list(cell) for cell in cells]
    shape = (len(lists), max(map(len, lists), default=0))
    if kind == "numbers":
        convert = as_number
        matrix = np.full(shape, np.nan)
    else:
        convert = as_text
        matrix = np.full(shape, "", dtype=object)
    for row, values in enumerate(lists):
        matrix[row, : len(values)] = [convert(value) for value in values]
    return matrix


def as_number(value: Any) -> Any:
    return np.nan if is_missing(value) else value


def as_text(value: Any) -> str:
    """Converts an id or a word to text, as training does; a missing value becomes "".

    pandas stores whole numbers as floats if some cells of their column are missing.
    Therefore the float 7.0 becomes "7", and a float that is no exact id is refused.
    """
    if is_missing(value):
        return ""
    # NumPy's scalars have types of their own: `np.float32`, for one, is no `float`.
    if isinstance(value, bool | np.bool_):
        return str(value).lower()
    if isinstance(value, float | np.floating):
        # Up to this size, the type of the float holds every whole number.
        largest_exact = 2 ** (np.finfo(type(value)).nmant + 1)
        if not value.is_integer() or abs(value) > largest_exact:
            raise ValueError(f"{value} is not an exact id; give ids as text")
        return str(int(value))
    return str(value)


def is_missing(value: Any) -> bool:
    # For a list, `pd.isna` returns an array of booleans.
    return pd.isna(value) is True


set_model(RawColumnsModel())
