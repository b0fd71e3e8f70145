"""Encodes and predicts the blocks of a table."""

from collections import Counter, defaultdict
from dataclasses import replace
from itertools import compress

import numpy as np
import pyarrow as pa

from mtl_cli.columns.cells import empty_cells
from mtl_cli.core.errors import DataError
from mtl_cli.core.message_text import shown
from mtl_cli.data.encode import GroupCodes
from mtl_cli.data.labels import labels_of_rows
from mtl_cli.data.scenarios import RowScenarios, find_scenarios
from mtl_cli.data.table import Array, Table
from mtl_cli.evaluation.feature_drift import FeatureCounts
from mtl_cli.evaluation.plan import EvaluationPlan
from mtl_cli.network.trained_model import TrainedModel


class BlockEvaluator:
    """Predicts the rows to evaluate of a table, and counts values and unknown labels.

    The lists hold one entry for each block with rows to evaluate.
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
        # The indices in the table of the rows to evaluate and to sample, ascending.
        self.row_numbers, self.sampled_numbers = row_numbers, sampled_numbers
        self.tables: list[Table] = []  # without features
        self.samples: list[Table] = []
        self.predictions: list[dict[str, Array]] = []
        self.slice_cells: list[pa.Table] = []
        self.slice_values: list[dict[str, Array]] = []  # {feature: (rows,)}
        self.row_scenarios: list[RowScenarios] = []  # empty without scenarios
        self.feature_counts = FeatureCounts(model.features, model.folder)
        # {output: {label that is not in `classes` of its task: number of rows}}.
        self.unknown_labels: dict[str, Counter[object]] = defaultdict(Counter)
        # A group gets the same code in all blocks.
        self.group_codes = GroupCodes(plan.dataset.group_column)
        self.scenarios = find_scenarios(model.config.dataset, model.features)

    def encode(self, block: pa.Table) -> Table:
        features = self.model.features.encode(block)
        table = labels_of_rows(
            self.plan.dataset, self.plan.outputs, block, unknown_as_missing=True
        )
        groups = self.group_codes.encode(block)
        return replace(table, features=features, groups=groups)

    def evaluate(
        self, raw_block: pa.Table, encoded_block: Table, first_row: int
    ) -> None:
        """Predicts the rows to evaluate of a block that begins with `first_row`."""
        num_rows = raw_block.num_rows
        evaluated = indices_in_block(self.row_numbers, first_row, num_rows)
        if not len(evaluated):
            return
        raw_rows, rows = raw_block, encoded_block
        if len(evaluated) < num_rows:
            raw_rows = raw_block.take(pa.array(evaluated))
            rows = encoded_block.take(evaluated)
        self.feature_counts.add(rows, raw_rows)
        self.count_unknown_labels(raw_rows, rows)
        sampled = indices_in_block(self.sampled_numbers, first_row, num_rows)
        self.tables.append(replace(rows, features={}))
        self.samples.append(encoded_block.take(sampled))
        self.predictions.append(self.model.network.predict(rows))
        self.slice_cells.append(raw_rows.select(self.plan.slice_columns))
        self.slice_values.append(
            {
                name: self.model.features.summary(rows.features, name)
                for name in self.plan.slice_features
            }
        )
        if self.scenarios is not None:
            self.row_scenarios.append(self.scenarios.of(rows))

    def count_unknown_labels(self, raw_rows: pa.Table, rows: Table) -> None:
        for output in self.plan.outputs:
            cells = raw_rows[output.task.label]
            is_unknown = np.isnan(rows.labels[output.label]) & ~empty_cells(cells)
            if is_unknown.any():
                labels = cells.to_pylist()
                self.unknown_labels[output.name].update(compress(labels, is_unknown))

    def unknown_label_remarks(self, rows: Table) -> list[str]:
        """Returns a remark for each output that is scored without some labels.

        `rows` are the evaluated rows of all blocks. If all labels of an output are
        unknown, a `DataError` is raised.
        """
        remarks = []
        for output in self.plan.outputs:
            counts = self.unknown_labels[output.name]
            if not counts:
                continue
            problem = (
                f"{counts.total():,} of {len(self.row_numbers):,} rows have a label "
                f"such as {shown(counts.most_common(1)[0][0])}, which is not in "
                "`classes` of the run"
            )
            if np.isnan(rows.labels[output.label]).all():
                raise DataError(
                    f"dataset.tasks.{output.label}: {problem}, and no row has a class; "
                    "correct the labels, or remove the column"
                )
            remarks.append(f"{problem}; they are left out of {output.name}'s metrics")
        return remarks


def indices_in_block(indices: Array, first_row: int, num_rows: int) -> Array:
    """Turns ascending indices within a table into indices within a block of it."""
    start, stop = np.searchsorted(indices, (first_row, first_row + num_rows))
    return indices[start:stop] - first_row
