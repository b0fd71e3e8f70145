"""Statistics of the training labels, and the tasks that the labels teach nothing."""

import pyarrow as pa

from mtl_cli.columns.cells import cells_equal, distinct_cells
from mtl_cli.core.errors import DataError, shown, suggest
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.table import Array, Table
from mtl_cli.heads.base import Output
from mtl_cli.tasks.base import LabelSummary, Statistics

SHOWN_VALUES = 20


class LabelStatistics:
    """Statistics of the training labels, gathered chunk by chunk.

    Args:
        dataset: the data set that declares the tasks.
        outputs: the outputs of the model.
    """

    def __init__(self, dataset: Dataset, outputs: list[Output]) -> None:
        self.weighted = dataset.weight_column is not None
        self.outputs = [output for output in outputs if not output.added_by_heads]
        self.labels = {output.name: LabelSummary() for output in self.outputs}
        # Required values that no training row held so far, and the values that the
        # rows held instead, as keys of a dict: in order, each once.
        self.missing = {o.name: list(o.task.required_values) for o in self.outputs}
        self.held: dict[str, dict[object, None]] = {o.name: {} for o in self.outputs}

    def add(self, labels: Table, table: pa.Table, training: Array) -> None:
        """Adds the labels of the training rows among some rows.

        Args:
            labels: labels and weights of the rows.
            table: the rows as they are in the file.
            training: which rows are training rows, (rows,).
        """
        for output in self.outputs:
            name, column = output.name, table[output.task.label]
            counts = training & (labels.weights[name] > 0)
            self.labels[name].add(labels.labels[name][counts].astype("float64"))
            if self.missing[name]:
                self.held[name] |= dict.fromkeys(distinct_cells(column, training))
                self.missing[name] = [
                    value
                    for value in self.missing[name]
                    if not (cells_equal("", column, value, "") & training).any()
                ]

    def check(self) -> None:
        """Raises an error if the training labels teach a task nothing."""
        for output in self.outputs:
            name, task, labels = output.name, output.task, self.labels[output.name]
            where = f"dataset.tasks.{name}"
            space = "" if output.space is None else f" where {output.space} = 1"
            for value in self.missing[name]:
                held = [shown(v) for v in self.held[name]]
                raise DataError(
                    f"{where}: column '{task.label}' never holds the positive value "
                    f"{value!r} in training rows; it holds "
                    f"{', '.join(held[:SHOWN_VALUES]) or 'nothing'}"
                    f"{suggest(repr(value), held)}"
                )
            if not labels.rows:
                raise DataError(
                    f"{where}: no training row has a label{space}"
                    f"{' and a weight' if self.weighted else ''}; correct "
                    f"column '{task.label}', or leave the task out"
                )
            if task.HAS_CLASSES and labels.lowest == labels.highest:
                raise DataError(
                    f"{where}: all {labels.rows:,} training labels{space} are "
                    f"{task.label_text(labels.lowest)}; a {task.kind} task needs at "
                    "least two classes; give other rows, or leave the task out"
                )

    def statistics(self) -> dict[str, Statistics]:
        """Returns what tasks must know of their labels, by task; {} for nothing."""
        statistics = {
            output.name: output.task.label_statistics(self.labels[output.name])
            for output in self.outputs
        }
        return {name: numbers for name, numbers in statistics.items() if numbers}
