"""Finds the feature to which each column of a tensor in a network belongs.

Two networks may have the features in different orders, or only some features in common.
So `blocks.py` makes one block of the rows of a kernel that belong to a feature, and one
block of the factors that scale the columns of a feature. For example, if x holds the
embedding of `user` with 2 columns and the dense feature `price`, rows 0 and 1 of the
kernel that multiplies x belong to `user`, and row 2 to `price`.
"""

import itertools
from collections import Counter, deque
from enum import Enum, auto
from typing import NamedTuple, TypeAlias

import keras

from mtl_cli.columns.layout import Layout
from mtl_cli.config.run_config import Config
from mtl_cli.core.tensors import Tensor
from mtl_cli.layers import FusedEmbedding, Routing
from mtl_cli.network.network import Network
from mtl_cli.network.parallel_networks import NetworkPiece, input_layers


class Column(NamedTuple):
    """The origin of a column of a tensor.

    Attributes:
        feature: the name of the feature to which the column belongs.
        source: the number of the tensor that the column comes from, from 1, if several
            tensors were joined, such as the columns of some features and all of x.
    """

    feature: str
    source: int = 1


class Unnamed(Enum):
    """A tensor none of whose columns belongs to a feature."""

    HIDDEN = auto()  # the output of a layer with weights
    # The factors of a gate. A factor belongs to the same feature as the column that it
    # multiplies.
    FACTORS = auto()


Columns: TypeAlias = list[Column] | Unnamed  # all columns of a tensor


class FeatureSlice(NamedTuple):
    """Neighbouring columns of one feature.

    Attributes:
        feature: the name of the feature.
        number: the number of the slice among the slices of the feature, 1 for the last.
            Some gates read other columns before x. Counted from the end, the slices in
            x have the same numbers in all layers.
        columns: the positions of the columns.
    """

    feature: str
    number: int
    columns: slice


class FeatureColumns:
    """The features of the columns of a network's tensors.

    A column of x, the embeddings and dense features side by side, has the name of its
    feature. An encoding is an output of the encoder. A unit of the encoder's deep
    network has a number: `deep 3`. Columns that depend on the number and the order of
    the features all have one name, `feature_order`: it lists the features. So only
    networks with the same features in the same order have this name in common.
    """

    def __init__(self, network: Network, config: Config, layout: Layout) -> None:
        features = config.encoder.columns(layout)
        self.x_columns = list(map(Column, features))
        self.feature_order = f"all of {', '.join(dict.fromkeys(features))}"
        width = network.encodings[0].shape[-1]
        self.encoding_columns = self._columns_of_encoding(config, width)
        self.columns_by_tensor = {id(x): self.x_columns for x in network.x}
        self.columns_by_tensor |= {
            id(x): self.encoding_columns for x in network.encodings
        }

    def slices_of_kernel_rows(self, layer: keras.Layer) -> list[FeatureSlice]:
        """Returns the rows of each feature in the kernels of `input_layers`."""
        if not input_layers(layer):
            return []
        return feature_slices(self.columns_of(inputs_of_call(layer, 0)[0]))

    def slices_of_scaled_columns(self, layer: keras.Layer) -> list[FeatureSlice]:
        """Returns the columns of each feature that a layer scales."""
        if getattr(layer, "keeps_columns", False):
            return feature_slices(self.columns_of(inputs_of_call(layer, 0)[0]))
        if isinstance(layer, Routing) and layer.reports_owners:
            return feature_slices(self._columns_scaled_by(layer))
        return []

    def columns_of(self, tensor: Tensor) -> Columns:
        if id(tensor) in self.columns_by_tensor:
            return self.columns_by_tensor[id(tensor)]
        operation, call, _ = tensor._keras_history
        inputs = inputs_of_call(operation, call)
        width: int = tensor.shape[-1]
        if isinstance(operation, Routing) and not operation.weights_are_shares:
            return Unnamed.FACTORS
        if getattr(operation, "keeps_columns", False):
            return self.columns_of(inputs[0])
        if isinstance(operation, FusedEmbedding) or not inputs:
            return self._columns_of_all_features(width)
        if getattr(operation, "weights", None):
            return Unnamed.HIDDEN
        # From here on, the operation has no weights: it joins, combines or selects.
        columns = [self.columns_of(x) for x in inputs]
        if all(isinstance(c, Unnamed) for c in columns):
            is_hidden = Unnamed.HIDDEN in columns
            return Unnamed.HIDDEN if is_hidden else Unnamed.FACTORS
        widths = [x.shape[-1] for x in inputs]
        if sum(widths) == width:
            return columns_side_by_side(columns, widths)
        common = common_columns(columns)[selected_columns(operation, call)]
        if len(common) == width:
            return common
        return self._columns_of_all_features(width)

    def _columns_of_all_features(self, width: int) -> list[Column]:
        """Returns `width` columns that depend on all features and their order."""
        return [Column(self.feature_order)] * width

    def _columns_scaled_by(self, gate: Routing) -> Columns:
        """Returns the feature of each unit that a gate's factors multiply.

        The units are what the first operation reads that does not read factors alone.
        """
        to_visit: deque[keras.Operation] = deque([gate])
        while to_visit:
            for call in to_visit.popleft()._outbound_nodes:
                for tensor in call.input_tensors:
                    columns = self.columns_of(tensor)
                    if columns is not Unnamed.FACTORS:
                        return columns
                to_visit.append(call.operation)
        return Unnamed.HIDDEN

    def _columns_of_encoding(self, config: Config, width: int) -> list[Column]:
        deep = self.x_columns  # without `deep_units`, x takes its place
        if config.encoder.deep_units:
            deep = [Column(f"deep {i}") for i in range(config.encoder.deep_units[-1])]
        interactions = config.encoder.interaction_columns()
        columns = [*deep, *map(Column, interactions or [])]
        # The names are None or too few if they do not name the interactions.
        fits = len(columns) == width
        return columns if fits else self._columns_of_all_features(width)


def inputs_of_call(operation: keras.Operation, call: int) -> list[Tensor]:
    """Returns the tensors that an operation reads in one of its calls, from 0."""
    inputs: list[Tensor] = operation._inbound_nodes[call].input_tensors
    return inputs


def selected_columns(operation: keras.Operation, call: int) -> slice:
    """Returns the columns that an operation such as `x[:, 2:5]` selects, or all."""
    if type(operation).__name__ != "GetItem":
        return slice(None)
    x, key = operation._inbound_nodes[call].arguments.args
    keys = key if isinstance(key, tuple) else (key,)
    is_slice = len(keys) == len(x.shape) and isinstance(keys[-1], slice)
    return keys[-1] if is_slice else slice(None)


def columns_side_by_side(columns: list[Columns], widths: list[int]) -> list[Column]:
    """Returns the columns of several tensors that lie side by side in one tensor."""
    all_columns: list[Column] = []
    num_sources = 0
    for columns_of_tensor, width in zip(columns, widths, strict=True):
        if isinstance(columns_of_tensor, Unnamed):
            columns_of_tensor = [Column("hidden unit")] * width
        all_columns += [
            column._replace(source=num_sources + column.source)
            for column in columns_of_tensor
        ]
        num_sources = all_columns[-1].source
    return all_columns


def common_columns(columns: list[Columns]) -> list[Column]:
    """Returns the columns that tensors which are added or multiplied have in common."""
    first, *others = [c for c in columns if c is not Unnamed.FACTORS]
    if isinstance(first, list) and all(other == first for other in others):
        return first
    return []


def feature_slices(columns: Columns) -> list[FeatureSlice]:
    """Groups neighbouring columns of the same feature and source."""
    if isinstance(columns, Unnamed):
        return []
    slices = []
    counts: Counter[str] = Counter()
    stop = len(columns)  # from the last column to the first, because of the numbers
    for column, group in itertools.groupby(reversed(columns)):
        start = stop - len(list(group))
        counts[column.feature] += 1
        number = counts[column.feature]
        slices.append(FeatureSlice(column.feature, number, slice(start, stop)))
        stop = start
    return slices[::-1]


def has_factor_per_column(
    layer: keras.Layer, piece: NetworkPiece, slices: list[FeatureSlice]
) -> bool:
    """Whether a piece of a layer that scales columns has an entry for each column."""
    if isinstance(layer, Routing):
        return piece.name in layer.variables_by_expert
    return bool(piece.variable.shape[-1] == slices[-1].columns.stop)
