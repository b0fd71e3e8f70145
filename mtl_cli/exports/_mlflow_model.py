"""The code of an MLflow model: scores tables of raw columns with a SavedModel.

MLflow copies this file into each exported model, and imports it from there. So it must
not import other modules of mtl-cli.
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

LARGEST_EXACT_FLOAT = 2**53  # above it, float64 rounds whole numbers


class RawColumns(PythonModel):
    """A SavedModel with its inputs as the columns of a DataFrame."""

    def load_context(self, context: Any) -> None:
        """Loads the SavedModel that lies among the artifacts."""
        folder = Path(context.artifacts["model"])
        record = json.loads((folder / "export.json").read_text("utf-8"))
        self.kinds: dict[str, str] = record["inputs"]
        self.outputs: list[str] = record["outputs"]
        self.model = tf.saved_model.load(str(folder))

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: Any = None
    ) -> pd.DataFrame:
        """Returns one row of predictions per row."""
        score = self.model.signatures["serving_default"]
        inputs = {
            column: tf.constant(as_array(model_input[column], kind))
            for column, kind in self.kinds.items()
        }
        columns = {name: x.numpy() for name, x in score(**inputs).items()}
        return pd.DataFrame(columns, index=model_input.index)[self.outputs]


def as_array(cells: "pd.Series[Any]", kind: str) -> npt.NDArray[Any]:
    """Returns cells as an input of the SavedModel; None becomes an empty cell."""
    if kind == "number":
        return cells.to_numpy("float64", na_value=np.nan)
    if kind == "text":
        return np.array([as_text(cell) for cell in cells], dtype=object)
    lists = [[] if is_missing(cell) else list(cell) for cell in cells]
    width = max(map(len, lists), default=0)
    if kind == "numbers":
        numbers = np.full((len(lists), width), np.nan)
        for row, values in enumerate(lists):
            numbers[row, : len(values)] = [np.nan if v is None else v for v in values]
        return numbers
    texts = np.full((len(lists), width), "", dtype=object)
    for row, values in enumerate(lists):
        texts[row, : len(values)] = [as_text(value) for value in values]
    return texts


def as_text(cell: Any) -> str:
    """Returns a cell as the text of an id or word, "" for a missing cell.

    Raises:
        ValueError: if the cell is a float that is no exact whole number.
    """
    if is_missing(cell):
        return ""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float):
        if not cell.is_integer() or abs(cell) > LARGEST_EXACT_FLOAT:
            raise ValueError(f"{cell!r} is no exact id; give ids as text")
        return str(int(cell))
    return str(cell)


def is_missing(cell: Any) -> bool:
    """Whether a cell is None, NaN or NA."""
    return cell is None or (not isinstance(cell, str) and pd.isna(cell) is True)


set_model(RawColumns())
