"""Compares the size of stored weights with the network of a configuration."""

from collections.abc import Collection

from mtl_cli.columns.layout import Layout
from mtl_cli.config.run_config import Config
from mtl_cli.core.private_apis import bounded_weights, unallocated_variables
from mtl_cli.network.build import build_run
from mtl_cli.tasks.base import Statistics


def check_size(
    config: Config,
    layout: Layout,
    label_statistics: dict[str, Statistics],
    array_sizes: Collection[int],
) -> None:
    """Raises ValueError if a network has more or fewer weights than are stored.

    A few changed digits in a saved configuration can describe a network that fills the
    memory or takes hours to build. Therefore this check counts the weights without
    allocating them, and stops as soon as there are far more than are stored.
    `array_sizes` holds the number of weights in each stored array.
    """
    num_stored = sum(array_sizes)
    # A network up to twice as large is counted, so that the message can name its size.
    max_weights, max_variables = 2 * num_stored, 2 * len(array_sizes)
    with unallocated_variables(), bounded_weights(max_weights, max_variables):
        network = build_run(config, layout, label_statistics)
        num_described = int(network.predictions.count_params())
    num_described *= max(1, len(config.ensemble))  # an empty list means one run
    if num_described != num_stored:
        raise ValueError(
            f"the configuration describes {num_described:,} weights, but "
            f"{num_stored:,} are stored"
        )
