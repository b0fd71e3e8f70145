"""Predicts encoded rows and names the columns of the predictions."""

from typing import TYPE_CHECKING

from mtl_cli.config.run_config import Config
from mtl_cli.data.table import Array, Table

if TYPE_CHECKING:  # this module imports TensorFlow
    from mtl_cli.network.network import Network


def prediction_columns(
    network: "Network", config: Config, encoded: dict[str, Array]
) -> dict[str, Array]:
    """Predicts encoded rows: {name of a column: predictions, (rows,)}.

    The encoded rows are {input of the network: (rows, width)}.
    """
    predictions = network.predict(Table(encoded, {}, {}))
    columns: dict[str, Array] = {}
    for name, output in config.predicted.items():
        columns |= output.task.prediction_columns(name, predictions[name])
    return columns
