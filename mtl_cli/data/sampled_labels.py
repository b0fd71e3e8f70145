"""Reads the labels of an output, from some of the rows if a table is long."""

import math

from mtl_cli.data.table import Table
from mtl_cli.heads.base import Output
from mtl_cli.metrics.metric import Floats


def sampled_labels(
    table: Table, output: Output, max_rows: int
) -> tuple[Floats, Floats]:
    """Returns the labels and the weights of rows with a weight above 0, (rows,) each.

    If each row has its own sampling rate, these are the weights of complete data: the
    network learns the logits of complete data then. If all rows have the same rate,
    predictions are corrected only after training.

    Args:
        table: the rows. If there are more than `max_rows` rows, only every n-th row is
            read, with the smallest possible n.
        output: the output whose labels and weights are returned.
        max_rows: the largest number of rows to read.
    """
    labels, weights = table.labels[output.label], table.weights[output.name]
    if output.sampled_task in table.log_rates:
        weights = table.population[output.name]
    step = math.ceil(len(labels) / max_rows)
    labels, weights = labels[::step], weights[::step]
    has_weight = weights > 0
    return labels[has_weight].astype("float64"), weights[has_weight].astype("float64")
