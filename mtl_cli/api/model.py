"""A trained model, rebuilt from its run folder."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtl_cli.api.arrow_rows import rows_or_location, select_feature_columns
from mtl_cli.api.checked_calls import checked_call
from mtl_cli.api.unchanged_process import check_tensorflow, unchanged_process
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.locations import path_list

if TYPE_CHECKING:
    import pandas as pd

    from mtl_cli.api.arrow_rows import Paths, Rows
    from mtl_cli.evaluation.evaluation import Evaluation
    from mtl_cli.network.trained_model import TrainedModel


class Model:
    """A trained model.

    A pickled model holds the path of its run folder and its plugins. Unpickling or
    copying the model loads the run again.

    Attributes:
        config: the configuration of the run that trained the model.
        outputs: the names of what the model predicts: first the tasks, then the outputs
            that its heads add, such as `buy_given_click`, the pCVR of ESMM.
    """

    def __init__(
        self, model: "TrainedModel", plugin_folders: Sequence[str] = ()
    ) -> None:
        self._model = model
        # The current folder may change before the model is pickled.
        self._load_arguments = model.folder.absolute(), tuple(plugin_folders)
        self.config = model.config
        self.outputs = [output.name for output in model.config.outputs]

    def __repr__(self) -> str:
        name = self.config.model.name
        return f"<Model {name} of {self._model.folder}: {', '.join(self.outputs)}>"

    def __reduce__(self) -> tuple[Callable[..., "Model"], tuple[Any, ...]]:
        return load, self._load_arguments

    @checked_call
    def predict(
        self, table: "Rows | Paths", set: Mapping[str, Any] = {}
    ) -> "pd.DataFrame":
        """Predicts every output for every row.

        Args:
            table: the rows, with each column that a feature reads, of the same type as
                in the training data: a DataFrame of pandas, a table or a batch of
                Arrow, or an object with the method `__arrow_c_stream__`, such as a
                DataFrame of Polars or a relation of DuckDB. Or the path of a file or
                folder, a glob pattern or a URL, or a list of these. Ids are whole
                numbers or text; floats of pandas that hold whole numbers are read as
                such. The intervals of `pandas.cut` are read as text, and a named index
                as a column. Other columns are ignored.
            set: {column: value}, for instance `{"position": 1}`. All rows are predicted
                with this value, whether or not the table has the column. None is an
                empty cell.

        Returns: a table with one column of probabilities or values per output. A
            multiclass task has one column per class, `TASK.CLASS`. If `table` is a
            DataFrame, the result has the same index. `mtl-predict` writes the
            predictions of a table that is larger than the memory.

        A `UserWarning` names features with many unknown values or numbers outside the
        range of the training rows, or with another spelling, such as `paris` for
        `Paris`.

        Raises:
            DataError: if a column is missing or has values of another type.
            ConfigError: if `set` is wrong, or if the process was forked after the model
                was loaded.

        Example:
            mtl_cli.load("outputs/runs/NAME").predict(rows, set={"position": 1})
        """
        check_tensorflow()
        import pandas as pd

        from mtl_cli.data.column_request import feature_request
        from mtl_cli.data.unseen_values import UnseenValues
        from mtl_cli.runs.prediction import predict_location

        model = self._model.with_constants(set, "predict: set")
        request = feature_request(self.config.dataset).without_columns(set)
        unseen = UnseenValues(model.features)
        rows = rows_or_location(table, "predict")
        if isinstance(rows, str | list):
            columns = predict_location(model, rows, request, unseen)
        else:
            rows = select_feature_columns(rows, request)
            encoded = model.features.encode(rows)
            unseen.add(rows, encoded)
            columns = model.prediction_columns(encoded)
        index = table.index if isinstance(table, pd.DataFrame) else None
        for warning in unseen.warnings(only_suspicious=True):
            # The warning names the line that calls the decorated method.
            warnings.warn(f"predict: {warning}", stacklevel=3)
        return pd.DataFrame(columns, index=index)

    @checked_call
    def evaluate(
        self,
        table: "Rows | Paths | None" = None,
        by: str | Sequence[str] = (),
        importance: bool = False,
        repeats: int | None = None,
        crosses: bool = False,
    ) -> "Evaluation":
        """Evaluates the model on rows with labels, as `mtl-evaluate` does.

        Args:
            table: the rows or their files, as in `predict`. The columns of labels are
                as in the training data, for at least one task. None for the run's own
                validation rows, which are read again.
            by: the name of a column or feature, or several names. Each value, or each
                range of numbers, is a slice with metrics of its own.
            importance: whether to measure how important each feature is for each task.
            repeats: the number of times that each feature is shuffled to measure its
                importance, at least 2; None for 10 times. With many features and tasks,
                more repeats show more.
            crosses: whether to find pairs of columns whose combinations explain errors
                of the model. This needs the run's own rows: leave `table` out.

        Returns: the evaluation, with the tables `metrics`, `slices`, `drift`,
            `importance` and `crosses`.

        Example:
            mtl_cli.load("outputs/runs/NAME").evaluate(may, by=["city"]).slices
        """
        check_tensorflow()
        from mtl_cli.evaluation.evaluate import EvaluationRequest, evaluate
        from mtl_cli.scoring.importance import REPEATS

        if repeats is not None and not importance:
            raise ConfigError("repeats: has no effect alone; add importance=True")
        rows = None if table is None else rows_or_location(table, "evaluate")
        columns = [by] if isinstance(by, str) else list(by)
        num_repeats = REPEATS if repeats is None else int(repeats)
        request = EvaluationRequest(columns, importance, crosses, num_repeats)
        evaluation, _ = evaluate(self._model, rows, request)
        return evaluation

    @checked_call
    def export(
        self,
        target: str | PathLike[str],
        format: str = "saved_model",
        force: bool = False,
        set: Mapping[str, Any] = {},
    ) -> None:
        """Writes the model in a format for serving, as `mtl-export` does.

        Args:
            target: the file or folder to write.
            format: the name of the format, such as `saved_model` or `onnx`.
            force: whether to replace an earlier export.
            set: {column: value}, as in `predict`. The exported model has no input for
                such a column.

        Raises:
            ExportError: if the export does not predict as the model does.
            WriteError: if the target cannot be written.
        """
        with unchanged_process():
            from mtl_cli.runs.export import export_model

            model = self._model.with_constants(set, "export: set")
            # `mtl-export` loads its model only after a check of the target.
            export_model(lambda: model, Path(target), format, force)


@checked_call
def load(
    run: str | PathLike[str],
    plugins: str | PathLike[str] | Sequence[str | PathLike[str]] = (),
) -> Model:
    """Loads the model of a finished run.

    TensorFlow is imported into the caller's process. The settings of Keras and the
    states of the random number generators stay unchanged. No code from the run folder
    is executed.

    Args:
        run: a `Run`, or the path of a run folder.
        plugins: the folder that was given to `--plugins` when the run was trained, or
            several folders. The plugins stay registered in this process, until a later
            call names other plugins. Each call imports their files again, in case they
            have changed.

    Raises:
        ConfigError: if Keras runs on another backend, or the process was forked after
            another model was loaded.
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
        from mtl_cli.core.plugins import use_folders, used_folders
        from mtl_cli.runs import saved_model

        # The files of the plugins may have changed since they were registered.
        use_folders(path_list(plugins) or used_folders())
        return Model(saved_model.load(Path(run)), used_folders())
