"""Predicts encoded rows and names the columns of the predictions."""

from typing import TYPE_CHECKING

from mtl_cli.config.run_config import Config
from mtl_cli.data.table import Array, Table

if TYPE_CHECKING:  # an import at run time would load TensorFlow
    from mtl_cli.network.network import Network


def prediction_columns(
    network: "Network", config: Config, encoded: dict[str, Array]
) -> dict[str, Array]:
    """Predicts encoded rows, {input of the network: (rows, width)}.

    Returns: {name of a column: predictions, (rows,)}.
    """
    predictions = network.predict(Table(features=encoded, labels={}, weights={}))
    columns: dict[str, Array] = {}
    for name, output in config.predicted.items():
        columns |= output.task.prediction_columns(name, predictions[name])
    return columns
