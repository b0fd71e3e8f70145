"""A trained model, rebuilt from its run folder."""

import contextlib
import os
import random
import sys
from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from mtl_cli.core.errors import ConfigError, DataError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from mtl_cli.config.run_config import Config
    from mtl_cli.data.feature_set import FeatureSet
    from mtl_cli.network.build import Network

    Rows: TypeAlias = pd.DataFrame | pa.Table


class Model:
    """A trained model.

    Attributes:
        config: the configuration of its run.
        outputs: the names of its predictions: its tasks, and outputs that heads add.
    """

    def __init__(
        self, network: "Network", features: "FeatureSet", config: "Config"
    ) -> None:
        self._network = network
        self._features = features
        self.config = config
        self.outputs = [output.name for output in config.outputs]

    def predict(self, table: "Rows") -> "pd.DataFrame":
        """Predicts every output for every row.

        Args:
            table: rows with the columns of the features, of the types that training
                read: ids are whole numbers or text, never floats. Columns that no
                feature needs are ignored.

        Returns: a probability or a value for each output, in a column of its name. A
            multiclass task has one column per class, `TASK.CLASS`. The index of a
            DataFrame is kept.

        Raises:
            DataError: if a column is missing, or holds other values than training read.
        """
        import pandas as pd

        from mtl_cli.data.table import Table

        rows = feature_columns_of(table, self.config)
        index = table.index if isinstance(table, pd.DataFrame) else None
        if not rows.num_rows:
            raise DataError("predict: the table has no rows")
        features = self._features.encode(rows)
        predictions = self._network.predict(Table(features, {}, {}))
        tasks = {output.name: output.task for output in self.config.outputs}
        columns: dict[str, Any] = {}
        for name, values in predictions.items():
            columns |= tasks[name].prediction_columns(name, values)
        return pd.DataFrame(columns, index=index)


def load(run: "str | PathLike[str]", plugins: Sequence[str | Path] = ()) -> Model:
    """Loads the model of a finished run.

    TensorFlow is imported into the caller's process. Keras' settings and the states of
    random numbers stay as they were. No file of the run folder can execute code.

    Args:
        run: a `Run`, or the path of its folder.
        plugins: the folders of `--plugins` that the run was trained with.

    Raises:
        DataError: if the folder holds no whole model.

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
        from mtl_cli.runs import saved_model

        if plugins:
            use_folders(plugins)
        return Model(*saved_model.load(Path(run)))


@contextlib.contextmanager
def unchanged_process() -> Iterator[None]:
    """Imports TensorFlow; restores what building a network changes in this process."""
    import numpy as np

    from mtl_cli.core import tensorflow_runtime

    environment = dict(os.environ)
    try:
        if "keras" not in sys.modules:
            tensorflow_runtime.load()
        import keras

        policy = keras.config.dtype_policy()
        states = random.getstate(), np.random.get_state()
        try:
            yield
        finally:
            keras.config.set_dtype_policy(policy)
            random.setstate(states[0])
            np.random.set_state(states[1])
    finally:
        os.environ.clear()
        os.environ.update(environment)


def feature_columns_of(table: "Rows", config: "Config") -> "pa.Table":
    """Returns the columns that features need, as training reads them from Parquet.

    Raises:
        DataError: if a column is missing, or pandas cannot hold its values exactly.
    """
    import pandas as pd
    import pyarrow as pa

    from mtl_cli.data.encode import feature_request
    from mtl_cli.data.sources import value_type

    request = feature_request(config.dataset)
    if not isinstance(table, pd.DataFrame | pa.Table):
        raise DataError(
            f"predict: needs a pandas DataFrame or an Arrow table, not "
            f"{type(table).__name__}"
        )
    if isinstance(table, pa.Table):
        request.check("predict", "the table", table.column_names)
        rows = table.select(request.columns)
    else:
        request.check("predict", "the table", [str(name) for name in table.columns])
        rows = as_arrow(table[request.columns], request.types)
    # Without dictionaries a categorical column holds the same values as a plain one.
    return rows.cast(pa.schema({f.name: value_type(f.type) for f in rows.schema}))


def as_arrow(frame: "pd.DataFrame", types: "dict[str, pa.DataType]") -> "pa.Table":
    """Returns a DataFrame as an Arrow table; refuses ids that pandas made floats."""
    import pandas as pd
    import pyarrow as pa

    for column in frame.columns:
        is_id = pa.types.is_string(types[column])
        if is_id and pd.api.types.is_float_dtype(frame[column].dtype):
            raise DataError(
                f"predict: column '{column}' holds ids as floats, as pandas does with "
                f"whole numbers if cells are empty; convert it: "
                f"table['{column}'].astype('Int64')"
            )
    try:
        return pa.Table.from_pandas(frame, preserve_index=False)
    except pa.ArrowException as error:
        reason = "; ".join(str(part) for part in error.args)
        raise DataError(f"predict: {reason}; give all its cells one type") from None
