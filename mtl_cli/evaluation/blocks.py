"""Encodes and predicts the blocks of a table."""

from collections import Counter, defaultdict
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from mtl_cli.columns.cells import empty_cells
from mtl_cli.core.errors import DataError
from mtl_cli.core.message_text import shown, suggest
from mtl_cli.data.encode import GroupCodes
from mtl_cli.data.labels import labels_of_rows
from mtl_cli.data.scenarios import RowScenarios, find_scenarios
from mtl_cli.data.table import Array, Table
from mtl_cli.evaluation.feature_drift import FeatureCounts
from mtl_cli.evaluation.plan import EvaluationPlan
from mtl_cli.network.trained_model import TrainedModel


class EvaluatedBlock(NamedTuple):
    """The rows to evaluate of one block.

    Attributes:
        table: the rows, without their features.
        sample: the sampled rows with their features. The importance of features and the
            weights of gates are measured on these rows.
        predictions: {output of the model: (rows,) or (rows, classes)}.
        slice_cells: the columns that make slices.
        scenarios: the scenarios of the rows; None if the data set has none.
    """

    table: Table
    sample: Table
    predictions: dict[str, Array]
    slice_cells: pa.Table
    scenarios: RowScenarios | None


class BlockEvaluator:
    """Predicts the rows to evaluate of a table, and counts values and unknown labels.

    The blocks are evaluated in the order of the table.

    Args:
        model: the trained model.
        plan: the plan of the evaluation.
        row_numbers: the indices in the table of the rows to evaluate, ascending,
            (rows,).
        sampled_numbers: the indices in the table of the sampled rows, ascending,
            (sampled rows,).

    Attributes:
        num_read: the number of rows in the blocks that were evaluated.
        feature_counts: the distributions of the features.
        scenarios: the scenarios of the data set; None if it has none.
        unknown_labels: {output: the number of rows of each label that is not in the
            `classes` of the output's task}.
    """

    def __init__(
        self,
        model: TrainedModel,
        plan: EvaluationPlan,
        row_numbers: Array,
        sampled_numbers: Array,
    ) -> None:
        self.model = model
        self.plan = plan
        self.row_numbers = row_numbers
        self.sampled_numbers = sampled_numbers
        self.num_read = 0
        self.feature_counts = FeatureCounts(model.features, model.folder)
        self.unknown_labels: dict[str, Counter[object]] = defaultdict(Counter)
        # A group gets the same code in all blocks.
        self.group_codes = GroupCodes(plan.dataset.group_column)
        self.scenarios = find_scenarios(model.config.dataset, model.features)

    def encode(self, block: pa.Table) -> Table:
        """Encodes the features of a block, and reads its labels, weights and groups."""
        features = self.model.features.encode(block)
        table = labels_of_rows(
            self.plan.dataset, self.plan.outputs, block, unknown_as_missing=True
        )
        groups = self.group_codes.encode(block)
        return replace(table, features=features, groups=groups)

    def evaluate(self, block: pa.Table, table: Table) -> EvaluatedBlock | None:
        """Predicts the rows to evaluate of a block; None if there are none.

        `table` is the block as `encode` returns it.
        """
        evaluated = indices_in_block(self.row_numbers, self.num_read, block.num_rows)
        sampled = indices_in_block(self.sampled_numbers, self.num_read, block.num_rows)
        self.num_read += block.num_rows
        if not len(evaluated):
            return None
        sample = table.take(sampled)
        if len(evaluated) < block.num_rows:
            table, block = table.take(evaluated), block.take(pa.array(evaluated))
        self.feature_counts.add(table, block)
        for output in self.plan.outputs:
            labels = block[output.task.label]
            is_unknown = np.isnan(table.labels[output.label]) & ~empty_cells(labels)
            self.unknown_labels[output.name].update(
                labels[int(row)].as_py() for row in np.flatnonzero(is_unknown)
            )
        scenarios = None if self.scenarios is None else self.scenarios.of(table)
        return EvaluatedBlock(
            replace(table, features={}),
            sample,
            self.model.network.predict(table),
            block.select(self.plan.slice_columns),
            scenarios,
        )

    def check_labels(self, table: Table) -> None:
        """Refuses a table in which an output has labels, but only unknown labels."""
        for output in self.plan.outputs:
            task, unknown = output.task, self.unknown_labels[output.name]
            if unknown and np.isnan(table.labels[output.label]).all():
                label, _ = unknown.most_common(1)[0]
                classes = [task.label_text(i) for i in range(task.num_predictions)]
                raise DataError(
                    f"dataset.tasks.{output.label}: column '{task.label}' has no label "
                    f"of `classes` of the run, but holds {shown(label)}; correct the "
                    f"labels, or remove the column{suggest(str(label), classes)}"
                )

    def unknown_label_remarks(self) -> list[str]:
        """Returns a remark for each output that is scored without some labels."""
        num_rows = len(self.row_numbers)
        return [
            f"{counts.total():,} of {num_rows:,} rows have a label such as "
            f"{shown(counts.most_common(1)[0][0])}, which is not in `classes` of the "
            f"run; they are left out of {name}'s metrics"
            for name, counts in self.unknown_labels.items()
            if counts
        ]


def indices_in_block(indices: Array, first_row: int, num_rows: int) -> Array:
    """Returns which of some rows lie in a block, as indices within the block.

    Args:
        indices: the indices of the rows within the whole table, ascending.
        first_row: the index of the block's first row within the whole table.
        num_rows: the number of rows of the block.
    """
    start, stop = np.searchsorted(indices, (first_row, first_row + num_rows))
    return indices[start:stop] - first_row
