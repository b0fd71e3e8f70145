"""Encodes and predicts a table block by block, and collects the results."""

from collections import Counter, defaultdict
from dataclasses import replace

import numpy as np
import pyarrow as pa

from mtl_cli.columns.cells import empty_cells
from mtl_cli.core.errors import DataError
from mtl_cli.core.message_text import shown, suggest
from mtl_cli.data.encode import GroupCodes
from mtl_cli.data.labels import labels_of_rows
from mtl_cli.data.scenarios import find_scenarios
from mtl_cli.data.table import Array, Table
from mtl_cli.evaluation.feature_drift import FeatureCounts
from mtl_cli.evaluation.plan import EvaluationPlan
from mtl_cli.network.trained_model import TrainedModel


class EvaluatedBlocks:
    """Collects the rows to evaluate from the blocks of a table.

    The blocks are added in the order of the table. The labels and predictions of all
    rows to evaluate are kept, but the features only of the sampled rows: the importance
    of features and the weights of gates are measured on these rows.

    Args:
        model: the trained model.
        plan: the plan of the evaluation.
        row_numbers: the indices in the table of the rows to evaluate, ascending,
            (rows,).
        sampled_numbers: the indices in the table of the sampled rows, ascending,
            (sampled rows,).

    Attributes:
        num_read: the number of rows in the blocks that were added.
        feature_counts: the distributions of the features.
        scenarios: the scenarios of the data set; None if it has none.
        tables: for each block, the rows to evaluate without their features.
        samples: for each block, the sampled rows with their features.
        predictions: for each block, {output of the model: (rows,) or (rows, classes)}.
        slice_cells: for each block, the columns that make slices.
        scenario_indices: for each block, the scenarios of the rows as indices, (rows,).
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
        self.tables: list[Table] = []
        self.samples: list[Table] = []
        self.predictions: list[dict[str, Array]] = []
        self.slice_cells: list[pa.Table] = []
        self.scenario_indices: list[Array] = []

    def encode(self, block: pa.Table) -> Table:
        """Encodes the features of a block, and reads its labels, weights and groups."""
        features = self.model.features.encode(block)
        table = labels_of_rows(
            self.plan.dataset, self.plan.outputs, block, unknown_as_missing=True
        )
        groups = self.group_codes.encode(block)
        return replace(table, features=features, groups=groups)

    def add(self, block: pa.Table, table: Table) -> None:
        """Predicts the rows to evaluate of a block, and keeps them.

        `table` is the block as `encode` returns it.
        """
        evaluated = indices_in_block(self.row_numbers, self.num_read, block.num_rows)
        sampled = indices_in_block(self.sampled_numbers, self.num_read, block.num_rows)
        self.num_read += block.num_rows
        self.samples.append(table.take(sampled))
        if not len(evaluated):
            return
        if len(evaluated) < block.num_rows:
            table, block = table.take(evaluated), block.take(pa.array(evaluated))
        if self.scenarios is not None:
            self.scenario_indices.append(self.scenarios.of(table).indices)
        self.predictions.append(self.model.network.predict(table))
        self.tables.append(replace(table, features={}))
        self.slice_cells.append(block.select(self.plan.slice_columns))
        self.feature_counts.add(table, block)
        for output in self.plan.outputs:
            labels = block[output.task.label]
            is_unknown = np.isnan(table.labels[output.label]) & ~empty_cells(labels)
            self.unknown_labels[output.name].update(
                labels[int(row)].as_py() for row in np.flatnonzero(is_unknown)
            )

    def check_labels(self) -> None:
        """Refuses a table in which an output has labels, but only unknown labels."""
        for output in self.plan.outputs:
            task, unknown = output.task, self.unknown_labels[output.name]
            labels = (table.labels[output.label] for table in self.tables)
            if unknown and all(np.isnan(of_block).all() for of_block in labels):
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
