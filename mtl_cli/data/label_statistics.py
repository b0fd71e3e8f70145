"""What the training labels hold in all, and the tasks that they teach nothing."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.core.errors import DataError, shown, suggest
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.table import Array, Table
from mtl_cli.tasks.base import Output, Task

SHOWN_VALUES = 20


class Tally:
    """What the training labels hold in all, gathered chunk by chunk.

    Args:
        dataset: that declares the tasks.
        outputs: of the model.
    """

    def __init__(self, dataset: Dataset, outputs: list[Output]) -> None:
        self.dataset = dataset
        self.outputs = [output for output in outputs if not output.added]
        self.rows = {output.name: 0 for output in self.outputs}
        self.sums = {output.name: np.zeros(2) for output in self.outputs}
        self.seen: dict[str, set[Any]] = {output.name: set() for output in self.outputs}
        self.values: dict[str, dict[Any, None]] = {}

    def add(self, found: Table, table: pa.Table, mine: Array) -> None:
        """Adds the labels of some rows, those that are training rows.

        Args:
            found: labels of the rows.
            table: the rows.
            mine: which are training rows, (rows,).
        """
        for output in self.outputs:
            name, task = output.name, self.dataset.tasks[output.name]
            counts = mine & (found.weights[name] > 0)
            y = found.labels[name][counts].astype("float64")
            self.rows[name] += len(y)
            if task.kind == "regression":
                self.sums[name] += [y.sum(), (y**2).sum()]
            else:
                self.seen[name] |= set(np.unique(y).tolist())
            if task.positive is not None:
                values = self.values.setdefault(name, {})
                values |= dict.fromkeys(distinct(table[task.label], mine))

    def check(self) -> None:
        """Refuses a task that no training row teaches anything."""
        for output in self.outputs:
            name, task = output.name, self.dataset.tasks[output.name]
            where = f"dataset.tasks.{name}"
            space = "" if output.given is None else f" where {output.given} = 1"
            self.check_positives(name, task)
            if not self.rows[name]:
                raise DataError(
                    f"{where}: no training row has a label{space}"
                    f"{' and a weight' if self.dataset.weight_column else ''}; correct "
                    f"column '{task.label}', or leave the task out"
                )
            if task.kind != "regression" and len(self.seen[name]) == 1:
                (only,) = self.seen[name]
                label = f"{only:g}" if task.classes is None else task.classes[int(only)]
                raise DataError(
                    f"{where}: all {self.rows[name]:,} training labels{space} are "
                    f"{label}; a {task.kind} task needs "
                    f"{'both classes' if task.kind == 'binary' else 'several classes'}"
                    "; give other rows, or leave the task out"
                )

    def check_positives(self, name: str, task: Task) -> None:
        """Refuses a positive value that the training rows never hold."""
        if task.positive is None:
            return
        held = [v for v in self.values[name] if v is not None and v == v]
        texts = {str(value) for value in held}
        for value in task.positives:
            if value not in held and str(value) not in texts:
                known = [shown(v) for v in held]
                raise DataError(
                    f"dataset.tasks.{name}: column '{task.label}' never holds the "
                    f"positive value {value!r} in training rows; it holds "
                    f"{', '.join(known[:SHOWN_VALUES]) or 'nothing'}"
                    f"{suggest(repr(value), known)}"
                )

    def statistics(self) -> dict[str, dict[str, float]]:
        """Returns mean and deviation of the labels that are standardised, by task."""
        found = {}
        for output in self.outputs:
            if self.dataset.tasks[output.name].transform != "standard":
                continue
            count = self.rows[output.name]
            total, squares = self.sums[output.name]
            mean = total / count
            deviation = float(np.sqrt(max(squares / count - mean**2, 0.0)))
            found[output.name] = {"mean": float(mean), "deviation": deviation or 1.0}
        return found


def distinct(column: pa.ChunkedArray, mine: Array) -> list[Any]:
    """Returns the values of some rows, each once.

    Arrow cannot filter all types that it can encode, such as views of text.
    """
    encoded = column.dictionary_encode().combine_chunks()
    codes = pc.unique(encoded.indices.filter(pa.array(mine))).to_pylist()
    words = encoded.dictionary.to_pylist()
    return [None if code is None else words[code] for code in codes]
