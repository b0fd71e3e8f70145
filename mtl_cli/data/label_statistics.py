"""Statistics of the training labels, and errors about tasks that cannot be learnt."""

import pyarrow as pa

from mtl_cli.columns.cells import cells_equal, distinct_cells
from mtl_cli.columns.labels import LabelSummary
from mtl_cli.core.errors import DataError
from mtl_cli.core.message_text import shown, suggest
from mtl_cli.core.tensors import check_shape
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.table import Array, Table
from mtl_cli.heads.base import Output
from mtl_cli.tasks.base import Statistics

MAX_LISTED_VALUES = 20  # in a message
# What to do about a task that can learn nothing from the training rows.
FIX = "leave the task out"
# The same for a run that goes on from an earlier run, for instance with the rows of the
# next day. If the run left the task out, later runs could not go on with its tower.
FIX_AFTER_EARLIER_RUN = (
    "train on several days at once, dataset.train=[DAY,DAY], or leave this day out "
    "(without the task, its tower would not go on in the next run)"
)


class LabelStatistics:
    """Statistics of the training labels, gathered chunk by chunk.

    `has_earlier_run` says whether the run starts from an earlier run.
    """

    def __init__(
        self, dataset: Dataset, outputs: list[Output], has_earlier_run: bool = False
    ) -> None:
        self.fix = FIX_AFTER_EARLIER_RUN if has_earlier_run else FIX
        self.has_weights = dataset.weight_column is not None
        self.outputs = [output for output in outputs if not output.added_by_heads]
        self.summaries = {output.name: LabelSummary() for output in self.outputs}
        # Some tasks learn from other numbers than the labels, such as log(label): see
        # `Task.summarized`. These are the summaries of such numbers.
        self.task_summaries = {output.name: LabelSummary() for output in self.outputs}
        # {output: the values of the key `positive` that no training row has held yet}
        self.missing_values = {o.name: o.task.required_values for o in self.outputs}
        # {output: the values that the training rows hold}, for the error message
        self.found_values: dict[str, list[object]] = {o.name: [] for o in self.outputs}

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
            if self.missing_values[name]:
                self.look_for_missing_values(name, column, is_training)

    def look_for_missing_values(
        self, output: str, column: pa.ChunkedArray, is_training: Array
    ) -> None:
        """Looks for `missing_values` in the training rows of a chunk's label column."""
        found_values = self.found_values[output] + distinct_cells(column, is_training)
        self.found_values[output] = list(dict.fromkeys(found_values))
        self.missing_values[output] = [
            value
            for value in self.missing_values[output]
            if not (cells_equal(column, value) & is_training).any()
        ]

    def check(self) -> None:
        """Refuses tasks that can learn nothing from their training labels."""
        for output in self.outputs:
            self.check_positive_values(output)
            self.check_labels(output)

    def check_positive_values(self, output: Output) -> None:
        """Refuses a value of the key `positive` that no training row holds."""
        if missing_values := self.missing_values[output.name]:
            found_values = [shown(value) for value in self.found_values[output.name]]
            raise DataError(
                f"dataset.tasks.{output.name}: column '{output.task.label}' never "
                f"holds the positive value {missing_values[0]!r} in training rows; the "
                "column holds "
                f"{', '.join(found_values[:MAX_LISTED_VALUES]) or 'nothing'}"
                f"{suggest(repr(missing_values[0]), found_values)}"
            )

    def check_labels(self, output: Output) -> None:
        """Refuses a task without labels, without amounts or with a single class."""
        task = output.task
        key = f"dataset.tasks.{output.name}"
        summary = self.summaries[output.name]
        in_space = "" if output.space is None else f" where {output.space} = 1"
        if not summary.count:
            raise DataError(
                f"{key}: no training row has a label{in_space}"
                f"{' and a weight above 0' if self.has_weights else ''}; correct "
                f"column '{task.label}', or {self.fix}"
            )
        if not self.task_summaries[output.name].count:
            raise DataError(
                f"{key}: none of the {summary.count:,} training labels{in_space} is "
                f"above 0, but a {task.kind} task needs amounts; give other rows, or "
                f"{self.fix}"
            )
        if task.HAS_CLASSES and summary.lowest == summary.highest:
            raise DataError(
                f"{key}: all {summary.count:,} training labels{in_space} are "
                f"{task.label_text(summary.lowest)}, but a {task.kind} task needs at "
                f"least two classes; give other rows, or {self.fix}"
            )

    def by_task(self) -> dict[str, Statistics]:
        """Returns {task: the statistics that its loss or predictions use}."""
        statistics = {
            output.name: output.task.label_statistics(self.task_summaries[output.name])
            for output in self.outputs
        }
        return {task: values for task, values in statistics.items() if values}
