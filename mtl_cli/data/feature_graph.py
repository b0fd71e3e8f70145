"""The features of a data set as a graph that reads raw columns, and rows to test it."""

import numpy as np
import pyarrow as pa

from mtl_cli.columns.examples import Cells
from mtl_cli.columns.layout import join_blocks
from mtl_cli.columns.raw_inputs import graph_input, raw_column
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.tensors import Tensor
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.graphs.base import GraphError, GraphOps


def feature_graph(features: FeatureSet, ops: GraphOps) -> dict[str, Tensor]:
    """Builds `FeatureSet.encode` as a graph, for exported models.

    Returns: {input of the network: (rows, width)}.
    """
    kinds = features.column_kinds
    ops.constant_rows = {
        column: graph_input(column, features.constants[column], kinds[column])
        for column in features.constants.column_names
    }
    blocks = []
    for name, feature in features.by_name.items():
        learnt = features.learnt_of_table_owner(name)
        try:
            if feature.encodes_otherwise("graph"):
                raise GraphError(
                    f"kind {feature.kind} has its own `read` or `encode`, but no "
                    "`graph` of its own; add it, or export with --format weights"
                )
            blocks.append(feature.graph(name, learnt, ops))
        except GraphError as error:
            raise ConfigError(f"dataset.features.{name}: {error}") from None
    return join_blocks(blocks, ops.concatenate)


def example_rows(features: FeatureSet, num_rows: int) -> pa.Table:
    """Makes raw rows to test an exported model with, the same at each call."""

    # Features that refuse the cells of others come first. Numeric features come next,
    # because their numbers can be read as text too, and then features of many columns,
    # because the cells of their columns must fit each other.
    def sort_key(name: str) -> tuple[bool, bool, int]:
        feature = features.by_name[name]
        num_columns = len(feature.input_kinds(name))
        return not feature.needs_own_examples, not feature.numeric, -num_columns

    random = np.random.default_rng(0)
    cells: dict[str, Cells] = {}
    # If several features read a column, the first feature in this order makes its
    # cells.
    for name in sorted(features.by_name, key=sort_key):
        feature, learnt = features.by_name[name], features.learnt_of_table_owner(name)
        cells = feature.examples(name, learnt, random, num_rows) | cells
    return pa.table(
        {
            column: raw_column(cells[column], kind)
            for column, kind in features.input_kinds.items()
        }
    )
