"""The predictions of encoded rows, as the named columns of a table."""

from typing import TYPE_CHECKING

from mtl_cli.config.run_config import Config
from mtl_cli.data.table import Array, Table

if TYPE_CHECKING:  # this module imports TensorFlow
    from mtl_cli.network.build import Network


def prediction_columns(
    network: "Network", config: Config, encoded: dict[str, Array]
) -> dict[str, Array]:
    """Returns the columns of predictions by name, (rows,) each.

    Args:
        network: the trained network.
        config: the configuration of the run.
        encoded: encoded rows, {input of the network: (rows, width)}.
    """
    tasks = {output.name: output.task for output in config.outputs}
    columns: dict[str, Array] = {}
    for output, values in network.predict(Table(encoded, {}, {})).items():
        columns |= tasks[output].prediction_columns(output, values)
    return columns
