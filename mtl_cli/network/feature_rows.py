"""Finds the rows of a kernel that read a feature."""

import itertools

import keras

from mtl_cli.columns.layout import Layout
from mtl_cli.config.run_config import Config
from mtl_cli.config.start_from import Part
from mtl_cli.core.tensors import Tensor
from mtl_cli.layers import Routing
from mtl_cli.network.network import Network
from mtl_cli.network.parallel_networks import input_kernels


class FeatureRows:
    """The rows of each feature in the kernels that read features.

    Row i of a kernel multiplies column i of the kernel's input. The input is either x,
    the embeddings and dense features that the encoder reads, or an encoding, the output
    of the encoder.

    Attributes:
        order: the names of all features, in the order of their columns in x.
    """

    def __init__(self, network: Network, config: Config, layout: Layout) -> None:
        self.encodings = network.encodings
        self.x_columns = config.encoder.columns(layout)  # the feature of each column
        self.encoding_columns = self._columns_of_encoding(config)
        self.order = ", ".join(dict.fromkeys(self.x_columns))

    def of_layer(self, part: Part, layer: keras.Layer) -> list[tuple[str, slice]]:
        """Returns the rows of each feature in the kernels that read a layer's input.

        The list is empty for a layer that does not read features.
        """
        if not input_kernels(layer):
            return []
        if part == "encoder":  # a gate of the encoder also reads other tensors than x
            return [] if isinstance(layer, Routing) else row_slices(self.x_columns)
        inputs = layer._inbound_nodes[0].input_tensors
        reads_encodings = all(map(self._is_encoding, inputs))
        return row_slices(self.encoding_columns) if reads_encodings else []

    def _columns_of_encoding(self, config: Config) -> list[str]:
        """Returns a name for each column of an encoding.

        A column of x has the name of its feature; a unit of the deep network has its
        number. If the interactions depend on the number and order of the features, all
        columns share one name, which lists the feature of each column of x. A kernel
        with these rows is one block, found only in networks with the same features.
        """
        interactions = config.encoder.interaction_columns()
        if interactions is None:
            return [" ".join(self.x_columns)] * self.encodings[0].shape[-1]
        if not config.encoder.deep_units:  # without a deep network, x itself
            return [*self.x_columns, *interactions]
        deep = [f"deep {i}" for i in range(config.encoder.deep_units[-1])]
        return [*deep, *interactions]

    def _is_encoding(self, tensor: Tensor) -> bool:
        """Whether a tensor has the columns of an encoding, in the same order.

        The tensor may be computed from encodings, as long as no layer with weights
        mixes their columns: encodings may be stacked, selected or scaled.
        """
        if any(tensor is encoding for encoding in self.encodings):
            return True
        operation = tensor._keras_history.operation
        if isinstance(operation, Routing) and not operation.are_shares:
            return True  # one factor per column, with which an encoding is scaled
        has_weights = bool(getattr(operation, "weights", None))
        if has_weights or tensor.shape[-1] != len(self.encoding_columns):
            return False
        node = operation._inbound_nodes[tensor._keras_history.node_index]
        inputs = node.input_tensors
        return bool(inputs) and all(map(self._is_encoding, inputs))


def row_slices(names: list[str]) -> list[tuple[str, slice]]:
    """Groups neighbouring positions with the same name: [(name, slice of positions)].

    A second slice of a name is called `NAME 2`: a feature may have both an embedding
    and dense columns.
    """
    slices: dict[str, slice] = {}
    start = 0
    for name, group in itertools.groupby(names):
        stop = start + len(list(group))
        slices[f"{name} 2" if name in slices else name] = slice(start, stop)
        start = stop
    return list(slices.items())
