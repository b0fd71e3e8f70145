"""Encodes and predicts the blocks of a table."""

from collections import Counter, defaultdict
from dataclasses import replace
from itertools import compress
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

    Args:
        model: the trained model.
        plan: the plan of the evaluation.
        row_numbers: the indices in the table of the rows to evaluate, ascending,
            (rows,).
        sampled_numbers: the indices in the table of the sampled rows, ascending,
            (sampled rows,).

    Attributes:
        feature_counts: the distributions of the features.
        scenarios: the scenarios of the data set; None if it has none.
        unknown_labels: {output: Counter {unknown label: number of evaluated rows}}. A
            label is unknown if it is not in the `classes` of the output's task.
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

    def evaluate(
        self, raw_block: pa.Table, encoded_block: Table, first_row: int
    ) -> EvaluatedBlock | None:
        """Predicts the rows to evaluate of a block; None if there are none.

        Args:
            raw_block: the block as it was read.
            encoded_block: the result of `encode` for this block.
            first_row: the index of the block's first row in the table.
        """
        num_rows = raw_block.num_rows
        evaluated = indices_in_block(self.row_numbers, first_row, num_rows)
        if not len(evaluated):
            return None
        raw_rows, rows = raw_block, encoded_block
        if len(evaluated) < num_rows:
            raw_rows = raw_block.take(pa.array(evaluated))
            rows = encoded_block.take(evaluated)
        self.feature_counts.add(rows, raw_rows)
        self.count_unknown_labels(raw_rows, rows)
        sampled = indices_in_block(self.sampled_numbers, first_row, num_rows)
        return EvaluatedBlock(
            table=replace(rows, features={}),
            sample=encoded_block.take(sampled),
            predictions=self.model.network.predict(rows),
            slice_cells=raw_rows.select(self.plan.slice_columns),
            scenarios=None if self.scenarios is None else self.scenarios.of(rows),
        )

    def count_unknown_labels(self, raw_rows: pa.Table, rows: Table) -> None:
        """Counts the labels that are in no class; `rows` are the same rows, encoded."""
        for output in self.plan.outputs:
            cells = raw_rows[output.task.label]
            is_unknown = np.isnan(rows.labels[output.label]) & ~empty_cells(cells)
            if is_unknown.any():
                labels = cells.to_pylist()
                self.unknown_labels[output.name].update(compress(labels, is_unknown))

    def check_labels(self, rows: Table) -> None:
        """Refuses evaluated rows in which all labels of an output are unknown.

        `rows` are the evaluated rows of all blocks.
        """
        for output in self.plan.outputs:
            task, unknown = output.task, self.unknown_labels[output.name]
            if unknown and np.isnan(rows.labels[output.label]).all():
                label, _ = unknown.most_common(1)[0]
                classes = [task.label_text(i) for i in range(task.num_predictions)]
                raise DataError(
                    f"dataset.tasks.{output.label}: no evaluated row has a label of "
                    f"`classes` of the run; column '{task.label}' holds labels such as "
                    f"{shown(label)}; correct the labels, or remove the column"
                    f"{suggest(str(label), classes)}"
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
