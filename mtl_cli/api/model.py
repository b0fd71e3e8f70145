"""A trained model, rebuilt from its run folder."""

import contextlib
import os
import random
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtl_cli.api.arrow_rows import as_arrow, select_feature_columns
from mtl_cli.core.errors import ConfigError, DataError

if TYPE_CHECKING:
    import pandas as pd

    from mtl_cli.api.arrow_rows import Rows
    from mtl_cli.evaluation.evaluation import Evaluation
    from mtl_cli.evaluation.loaded_run import LoadedRun


class Model:
    """A trained model.

    Attributes:
        config: the configuration of the run that trained the model.
        outputs: the names of the predictions: first the tasks, then the outputs that
            the heads of the model add.
    """

    def __init__(self, run: "LoadedRun") -> None:
        self._run = run
        self.config = run.config
        self.outputs = [output.name for output in run.config.outputs]

    def __repr__(self) -> str:
        name = self.config.model.name
        return f"<Model {name} of {self._run.folder}: {', '.join(self.outputs)}>"

    def predict(self, table: "Rows", set: Mapping[str, Any] = {}) -> "pd.DataFrame":
        """Predicts every output for every row.

        Args:
            table: the rows. Each column that a feature reads must be present, with
                values of the same type as in the training data. Ids are whole numbers
                or text. If some cells of a column are empty, pandas stores whole
                numbers as floats; these are read as whole numbers. Other columns are
                ignored.
            set: {column: value}, for instance `{"position": 1}`. All rows are predicted
                with this value, whether or not the table has the column. None is an
                empty cell.

        Returns: a table with one column of probabilities or values per output. A
            multiclass task has one column per class, `TASK.CLASS`. If `table` is a
            DataFrame, the result has the same index.

        A `UserWarning` names each feature whose values are unknown in more than half of
        the rows, or are spelt otherwise in the training data.

        Raises:
            DataError: if a column is missing, or has values of another type than the
                training data.
            ConfigError: if no feature reads a column of `set`, or the value of such a
                column has the wrong type.

        Example:
            mtl_cli.load("outputs/runs/NAME").predict(rows, set={"position": 1})
        """
        import pandas as pd

        from mtl_cli.data.constant_columns import with_constants
        from mtl_cli.data.encode import feature_request
        from mtl_cli.data.unseen_values import UnseenValues
        from mtl_cli.network.prediction_columns import prediction_columns

        features = with_constants(self._run.features, set, "predict: set")
        request = feature_request(self.config.dataset).without(set)
        rows = select_feature_columns(table, request)
        index = table.index if isinstance(table, pd.DataFrame) else None
        if not rows.num_rows:
            raise DataError("predict: the table has no rows")
        encoded = features.encode(rows)
        unseen = UnseenValues(features)
        unseen.add(rows, encoded)
        for warning in unseen.warnings(only_suspicious=True):
            warnings.warn(f"predict: {warning}", stacklevel=2)
        columns = prediction_columns(self._run.network, self.config, encoded)
        return pd.DataFrame(columns, index=index)

    def evaluate(
        self,
        table: "Rows | str | PathLike[str] | Sequence[str]",
        by: str | Sequence[str] = (),
        importance: bool = False,
    ) -> "Evaluation":
        """Evaluates the model on rows with labels, as `mtl-evaluate` does.

        Args:
            table: the rows; or the path of a file or folder, a glob pattern or a URL,
                or a list of them. The columns of features are as in `predict`. The
                columns of labels are as in the training data, for at least one task.
            by: the name of a column, or several names. Each value of the column, or
                each range of its numbers, is a slice with metrics of its own.
            importance: whether to measure how important each feature is for each task.

        Returns: the evaluation, with the tables `metrics`, `slices`, `drift` and
            `importance`.

        Raises:
            DataError: if the table does not fit the model.
            ConfigError: if the table has no column that `by` names.

        Example:
            mtl_cli.load("outputs/runs/NAME").evaluate(may, by=["city"]).slices
        """
        import pandas as pd
        import pyarrow as pa

        from mtl_cli.evaluation.evaluate import EvaluationRequest, evaluate
        from mtl_cli.evaluation.needed_columns import plan_evaluation

        columns = [by] if isinstance(by, str) else list(by)
        if isinstance(table, pd.DataFrame):
            names = [str(name) for name in table.columns]
            request = plan_evaluation(self.config, names, columns, "the table").request
            request.check("evaluate", "the table", names)
            rows = as_arrow(table[request.columns], "evaluate")
        elif isinstance(table, pa.Table):
            rows = table
        elif isinstance(table, str | PathLike):
            rows = os.fspath(table)
        else:
            rows = [os.fspath(path) for path in table]
            if not rows:
                raise DataError("evaluate: the list names no file; name one")
        evaluation, _ = evaluate(
            self._run, rows, EvaluationRequest(columns, importance)
        )
        return evaluation

    def export(
        self,
        target: "str | PathLike[str]",
        format: str = "saved_model",
        force: bool = False,
        set: Mapping[str, Any] = {},
    ) -> None:
        """Writes the model in a format for serving, as `mtl-export` does.

        Args:
            target: the file or folder to write.
            format: the name of the format, such as `saved_model` or `onnx`.
            force: whether to replace an earlier export.
            set: {column: value}, as in `predict`. The export does not read such a
                column.

        Raises:
            ConfigError: if the target exists, the format cannot hold the model, or
                `set` is wrong.
            ExportError: if the export does not predict as the model does.
            WriteError: if the target cannot be written.
        """
        from mtl_cli.data.constant_columns import with_constants
        from mtl_cli.runs.export import export_model

        features = with_constants(self._run.features, set, "export: set")
        model = replace(self._run, features=features)
        export_model(lambda: model, Path(target), format, force)


def load(run: "str | PathLike[str]", plugins: Sequence[str | Path] = ()) -> Model:
    """Loads the model of a finished run.

    TensorFlow is imported into the caller's process. The settings of Keras and the
    states of the random number generators stay unchanged. No code from the run folder
    is executed.

    Args:
        run: a `Run`, or the path of a run folder.
        plugins: the folders that were given to `--plugins` when the run was trained.

    Raises:
        ConfigError: if Keras runs on another backend, or a plugin cannot be used.
        DataError: if the folder holds no complete model.

    Example:
        predictions = mtl_cli.load("outputs/runs/NAME").predict(table)
    """
    with unchanged_process():
        import keras

        if keras.backend.backend() != "tensorflow":
            raise ConfigError(
                f"mtl_cli.load: Keras runs on {keras.backend.backend()} here, but the "
                "model needs TensorFlow; set KERAS_BACKEND=tensorflow before Keras is "
                "imported"
            )
        from mtl_cli.core.plugins import use_folders
        from mtl_cli.evaluation.loaded_run import load_run

        if plugins:
            use_folders(plugins)
        return Model(load_run(Path(run)))


@contextlib.contextmanager
def unchanged_process() -> Iterator[None]:
    """Imports TensorFlow, and restores the settings of the process after the block.

    Building a network changes environment variables, the dtype policy of Keras, and the
    states of the random number generators.
    """
    import numpy as np

    from mtl_cli.core import tensorflow_runtime

    environment = dict(os.environ)
    try:
        if "keras" not in sys.modules:
            tensorflow_runtime.load()
        import keras

        policy = keras.config.dtype_policy()
        python_state, numpy_state = random.getstate(), np.random.get_state()
        try:
            yield
        finally:
            keras.config.set_dtype_policy(policy)
            random.setstate(python_state)
            np.random.set_state(numpy_state)
    finally:
        os.environ.clear()
        os.environ.update(environment)
