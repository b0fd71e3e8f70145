"""Statistics of the training labels, and errors about tasks that cannot be learnt."""

import pyarrow as pa

from mtl_cli.columns.cells import cells_equal
from mtl_cli.columns.labels import LabelSummary
from mtl_cli.core.errors import DataError
from mtl_cli.core.tensors import check_shape
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.table import Array, Table
from mtl_cli.heads.base import Output
from mtl_cli.tasks.base import Statistics

FIX = "give other rows, or leave the task out"


class LabelStatistics:
    """Statistics of the training labels, gathered chunk by chunk."""

    def __init__(self, dataset: Dataset, outputs: list[Output]) -> None:
        self.has_weights = dataset.weight_column is not None
        self.outputs = [output for output in outputs if not output.added_by_heads]
        self.summaries = {output.name: LabelSummary() for output in self.outputs}
        # Some tasks learn from other numbers than the labels, such as log(label): see
        # `Task.summarized`. These are the summaries of such numbers.
        self.task_summaries = {output.name: LabelSummary() for output in self.outputs}
        # {output: the values of the key `positive` that no training row has held yet}
        self.missing_values = {o.name: o.task.required_values for o in self.outputs}

    def add(self, labels: Table, table: pa.Table, is_training: Array) -> None:
        """Adds the labels of a chunk's training rows; `table` holds the raw rows."""
        for output in self.outputs:
            name = output.name
            column = table[output.task.label]
            is_counted = is_training & (labels.weights[name] > 0)
            counted = labels.labels[name][is_counted].astype("float64")
            self.summaries[name].add(counted)
            numbers = output.task.summarized(counted)
            source = f"dataset.tasks.{name}: `summarized` of kind {output.task.kind}"
            check_shape(source, numbers, (len(counted),), "use NaN to leave rows out")
            self.task_summaries[name].add(numbers, labels.weights[name][is_counted])
            self.missing_values[name] = [
                value
                for value in self.missing_values[name]
                if not (cells_equal(column, value) & is_training).any()
            ]

    def check(self) -> None:
        """Refuses tasks that can learn nothing from their training labels."""
        for output in self.outputs:
            if fault := self.fault(output):
                raise DataError(f"dataset.tasks.{output.name}: {fault}")

    def fault(self, output: Output) -> str:
        """Returns why a task can learn nothing, and what to do; "" if it can."""
        task, summary = output.task, self.summaries[output.name]
        in_space = "" if output.space is None else f" where {output.space} = 1"
        if missing_values := self.missing_values[output.name]:
            return (
                f"no training row holds {missing_values[0]!r} in column "
                f"'{task.label}'; correct `positive`"
            )
        if not summary.count:
            and_weight = " and a weight above 0" if self.has_weights else ""
            return f"no training row has a label{in_space}{and_weight}; {FIX}"
        if not self.task_summaries[output.name].count:
            return (
                f"none of the {summary.count:,} training labels{in_space} is above 0, "
                f"but a {task.kind} task needs amounts; {FIX}"
            )
        if task.HAS_CLASSES and summary.lowest == summary.highest:
            return (
                f"all {summary.count:,} training labels{in_space} are "
                f"{task.label_text(summary.lowest)}, but a {task.kind} task needs at "
                f"least two classes; {FIX}"
            )
        return ""

    def by_task(self) -> dict[str, Statistics]:
        """Returns {task: the statistics that its loss or predictions use}."""
        statistics = {
            output.name: output.task.label_statistics(self.task_summaries[output.name])
            for output in self.outputs
        }
        return {task: values for task, values in statistics.items() if values}
