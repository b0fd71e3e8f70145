"""Finds the rows of each feature in the kernels that read features.

Two networks may have the features in different orders, or only some features in common.
So `blocks.py` makes one block of the rows that belong to a feature in a kernel. The
block can then be copied to the rows of the same feature in another network.

For example, x holds the embedding of `user` with 2 columns, the embedding of `item`
with 3 columns and the dense feature `price`. The deep network multiplies x by a kernel
of 6 rows: rows 0 and 1 belong to `user`, rows 2 to 4 to `item`, and row 5 to `price`.
"""

import itertools

import keras

from mtl_cli.columns.layout import Layout
from mtl_cli.config.run_config import Config
from mtl_cli.config.start_from import Part
from mtl_cli.core.option_classes import overridden_below
from mtl_cli.core.tensors import Tensor
from mtl_cli.layers import Routing
from mtl_cli.layers.members import EnsembleInputs
from mtl_cli.network.network import Network
from mtl_cli.network.parallel_networks import input_kernels


class FeatureRows:
    """The rows of each feature in the kernels that read features.

    Row i of a kernel multiplies column i of the kernel's input. The input is x or an
    encoding. x holds the embeddings and dense features that the encoder reads side by
    side, and an encoding is an output of the encoder.

    Attributes:
        x_columns: the name of the feature to which each column of x belongs.
    """

    def __init__(self, network: Network, config: Config, layout: Layout) -> None:
        self.encodings = network.encodings
        self.x_columns = config.encoder.columns(layout)
        self.encoding_columns = self._columns_of_encoding(config)

    def slices_of_layer(
        self, part: Part, layer: keras.Layer
    ) -> list[tuple[str, slice]]:
        """Returns each feature and its rows in the `input_kernels` of a layer.

        The list is empty for a layer that does not read features.
        """
        if not input_kernels(layer):
            return []
        if part == "encoder":
            # A gate of the encoder does not only read x, but other tensors too.
            return [] if isinstance(layer, Routing) else row_slices(self.x_columns)
        inputs = inputs_of_call(layer, 0)
        reads_encodings = all(map(self._has_encoding_columns, inputs))
        return row_slices(self.encoding_columns) if reads_encodings else []

    def _columns_of_encoding(self, config: Config) -> list[str]:
        """Returns a name for each column of an encoding.

        A column of x has the name of its feature, and a unit of the deep network has a
        number: `deep 3`. If the encoder's interactions depend on the number and order
        of the features, no row belongs to a single feature. All columns then have the
        same name, the list of the features, so that a kernel's rows are one block. Only
        a network with the same features in the same order has a block of this name.
        """
        interactions = config.encoder.interaction_columns()
        # A subclass may override `interact` alone. The inherited names do not fit then.
        overrides = overridden_below(type(config.encoder), "interaction_columns")
        if interactions is None or "interact" in overrides:
            return [" ".join(self.x_columns)] * self.encodings[0].shape[-1]
        if not config.encoder.deep_units:  # x takes the place of a deep network
            return [*self.x_columns, *interactions]
        deep = [f"deep {i}" for i in range(config.encoder.deep_units[-1])]
        return [*deep, *interactions]

    def _has_encoding_columns(self, tensor: Tensor) -> bool:
        """Whether a tensor has the columns of an encoding, in the same order.

        The tensor is an encoding, or encodings that are stacked, selected or scaled.
        """
        if any(tensor is encoding for encoding in self.encodings):
            return True
        operation = tensor._keras_history.operation
        if isinstance(operation, Routing) and not operation.weights_are_shares:
            return True  # the gate computes one factor for each column of an encoding
        if isinstance(operation, EnsembleInputs):  # scales each column of an encoding
            inputs = inputs_of_call(operation, tensor._keras_history.node_index)
            return all(map(self._has_encoding_columns, inputs))
        # A layer with weights may mix the columns.
        has_weights = bool(getattr(operation, "weights", None))
        if has_weights or tensor.shape[-1] != len(self.encoding_columns):
            return False
        inputs = inputs_of_call(operation, tensor._keras_history.node_index)
        return bool(inputs) and all(map(self._has_encoding_columns, inputs))


def inputs_of_call(operation: keras.Operation, call: int) -> list[Tensor]:
    """Returns the tensors that an operation reads in one of its calls.

    A layer that is connected several times has several calls, numbered from 0.
    """
    inputs: list[Tensor] = operation._inbound_nodes[call].input_tensors
    return inputs


def row_slices(names: list[str]) -> list[tuple[str, slice]]:
    """Groups neighbouring positions with the same name: [(name, slice of positions)].

    A feature may have both an embedding and dense columns. The two are not neighbours,
    so the feature has a second slice, called `NAME 2`.
    """
    slices: dict[str, slice] = {}
    start = 0
    for name, group in itertools.groupby(names):
        stop = start + len(list(group))
        # The name of another feature may end in a number too.
        numbered = (f"{name} {i}" for i in itertools.count(2))
        free_names = (n for n in itertools.chain([name], numbered) if n not in slices)
        slices[next(free_names)] = slice(start, stop)
        start = stop
    return list(slices.items())
