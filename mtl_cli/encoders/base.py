"""The base class of encoders: the keys and methods that every encoder has."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from pydantic import Field

from mtl_cli.columns.encodings import Encodings
from mtl_cli.columns.layout import Layout
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.options import NotNegative, Options, Positive, SomeUnits, Units
from mtl_cli.core.tensors import Tensor
from mtl_cli.features.base import Dimension


class Fields(NamedTuple):
    """The features of a batch of B rows, as an encoder's interactions read them.

    Attributes:
        vectors: the embeddings, (B, F, embedding_dim); None if no feature has
            embeddings, or if the embeddings of two features differ in length.
        flat: x, the embeddings and dense features of a row side by side, (B, D).
        num_vectors: F, the number of features that have embeddings.
        first_order: makes a table of one weight for each id, and returns the sum of
            the weights of each row's ids, (B, 1).
    """

    vectors: Tensor | None
    flat: Tensor
    num_vectors: int
    first_order: Callable[[], Tensor]


class Encoder(Options):
    """The keys of `conf/encoder/*.yaml`, and the layers that they describe.

    The encoding of a row is `[deep(x), interactions]`. x holds the embeddings and the
    dense features side by side, and `deep` is a network of the widths `deep_units`.
    Each encoder has interactions of its own.

    With `domain_features`, a gate scales x before all else, as EPNet does:

        x <- 2 sigmoid(V relu(U [columns of the domain features; sg(x)] + c) + e) * x

    sg stops gradients, and * is the element-wise product. Some encoders also have
    weights of single ids beside the embeddings; these weights are not scaled.

    Attributes:
        name: name of the encoder's module.
        embedding_dim: length of a feature's vector, or `auto`, see
            `features.base.Embedded`. A feature's own `embedding_dim` takes precedence.
        embedding_stddev: standard deviation of the normal distribution of the initial
            embeddings.
        l2_embedding: strength of the L2 penalty on embeddings.
        deep_units: widths of the network `deep`; if empty, deep(x) = x.
        domain_features: features that tell the domain of a row, such as the page or
            the tab, by which a gate scales x; empty for no gate.
        domain_gate_units: hidden widths of the gate.

    Reference: Chang et al., "PEPNet: Parameter and Embedding Personalized Network for
        Infusing with Personalized Prior Information", KDD 2023, equation 5, for the
        gate.
    """

    name: str
    embedding_dim: Dimension
    embedding_stddev: Positive
    l2_embedding: NotNegative
    deep_units: Units
    domain_features: list[str] = Field(default_factory=list)
    domain_gate_units: SomeUnits = Field(default_factory=lambda: [64])

    @abstractmethod
    def interact(self, fields: Fields) -> list[Tensor]:
        """Returns the feature interactions, each `(batch, units)`."""

    def interaction_columns(self) -> list[str] | None:
        """Returns a name for each column of the interactions, whatever the features.

        None: the columns, or the weights of the interactions, depend on the number and
        order of the features.
        """
        return None

    def columns(self, layout: Layout) -> list[str]:
        """Returns the feature of each column of x, in order."""
        from mtl_cli.layers.lookup import table_groups

        names: list[str] = []
        for group in table_groups(layout, self.embedding_dim):
            for input_name in ("ids", "sequences"):
                for name, block in layout.blocks.items():
                    if block.input == input_name and block.table in group.sizes:
                        vectors = block.width if input_name == "ids" else 1
                        names += [name] * (vectors * group.dim)
        for name, block in layout.blocks.items():
            names += [name] * block.width_in("dense")
        return names

    def encode(
        self,
        inputs: dict[str, Tensor],
        layout: Layout,
        num_sets: int,
        dense_options: dict[str, Any],
    ) -> Encodings:
        """Connects the network's inputs to `num_sets` encodings.

        Each encoding has a set of embeddings of its own.

        Args:
            inputs: the inputs by their names in `layout.INPUT_TYPES`, each
                `(batch, columns)`; an input that no feature fills is left out.
            layout: the columns of each feature in the inputs.
            num_sets: number of encodings.
            dense_options: arguments of the layers of `deep`, see `ParallelMLP`.

        Returns: `num_sets` tensors `(batch, dim)`, and the columns that they encode.
        """
        from keras import ops

        from mtl_cli.layers.lookup import look_up, table_groups

        options = {"stddev": self.embedding_stddev, "l2": self.l2_embedding}
        # Embeddings of one length are in one group: (num_sets, B, features, length).
        groups = [
            look_up(inputs, layout, g, num_sets=num_sets, name=g.layer, **options)
            for g in table_groups(layout, self.embedding_dim)
        ]

        def first_order() -> Tensor:
            weights = [
                look_up(inputs, layout, group._replace(dim=1, frozen=False), **options)
                for group in table_groups(layout, 1)
            ]  # (1, B, features, 1) each
            return ops.sum(ops.concatenate(weights, axis=2), axis=(0, 2))

        dense = [inputs["dense"]] if "dense" in inputs else []
        x = []
        for i in range(num_sets):
            flat = [ops.reshape(g[i], (-1, g.shape[-2] * g.shape[-1])) for g in groups]
            columns = flat + dense
            x.append(columns[0] if len(columns) == 1 else ops.concatenate(columns, -1))
        embedded = [name for name, block in layout.blocks.items() if block.table]
        encodings = Encodings([], x, self.columns(layout), embedded)
        sets = [[group[i] for group in groups] for i in range(num_sets)]
        scaled = x
        if self.domain_features:
            scaled = self._scale(encodings, dense_options)
            sets = [
                split_like(x, groups) for x, groups in zip(scaled, sets, strict=True)
            ]
        outputs = [
            self._encode_set(groups_of_set, x_of_set, first_order, dense_options)
            for groups_of_set, x_of_set in zip(sets, scaled, strict=True)
        ]
        return replace(encodings, outputs=outputs)

    def _scale(
        self, encodings: Encodings, dense_options: dict[str, Any]
    ) -> list[Tensor]:
        """Returns x of each set, scaled by a gate of the domain features."""
        from keras import ops

        from mtl_cli.layers import Route
        from mtl_cli.layers.gate_nu import GateNU, columns_of

        domains = encodings.of_features(self.domain_features)
        scaled = []
        for i, (domain, x) in enumerate(zip(domains, encodings.x, strict=True), 1):
            gate = GateNU(
                1,
                len(encodings.columns),
                self.domain_gate_units,
                routes=[Route("domain", columns_of(encodings.columns))],
                name="domain_gate" if len(domains) == 1 else f"domain_gate_{i}",
                **dense_options,
            )
            read = ops.concatenate([domain, ops.stop_gradient(x)], axis=-1)
            scaled.append(gate(read)[0] * x)
        return scaled

    def _encode_set(
        self,
        groups: list[Tensor],
        x: Tensor,
        first_order: Callable[[], Tensor],
        dense_options: dict[str, Any],
    ) -> Tensor:
        """Connects one set of embeddings and the dense features to an encoding.

        Args:
            groups: the embeddings, one tensor `(batch, features, length)` per length.
            x: the embeddings and the dense features side by side, `(batch, columns)`.
            first_order: see `Fields`.
            dense_options: arguments of the layers of `deep`.
        """
        from keras import ops

        from mtl_cli.layers import ParallelMLP

        vectors = None
        if len({group.shape[-1] for group in groups}) == 1:
            vectors = groups[0] if len(groups) == 1 else ops.concatenate(groups, axis=1)
        num_vectors = sum(group.shape[-2] for group in groups)
        interactions = self.interact(Fields(vectors, x, num_vectors, first_order))
        deep = x
        if self.deep_units:
            deep = ParallelMLP(1, self.deep_units, **dense_options)(x)[0]
        if not interactions:
            return deep
        return ops.concatenate([deep, *interactions], axis=-1)

    def vectors_to_cross(self, fields: Fields) -> Tensor:
        """Returns the embeddings of at least two features, all of one length.

        Raises:
            ConfigError: if fewer features have embeddings, or the lengths differ.
        """
        if fields.num_vectors < 2:
            raise ConfigError(
                f"encoder={self.name}: needs two features with embeddings to cross, "
                f"the data set has {fields.num_vectors}; give more sparse or "
                "bucketized features, or take encoder=dcn"
            )
        if fields.vectors is None:
            raise ConfigError(
                f"encoder={self.name}: crosses embeddings of one length, but the "
                "features' embedding_dim differ; make them equal, or take encoder=dcn"
            )
        return fields.vectors


def split_like(x: Tensor, groups: list[Tensor]) -> list[Tensor]:
    """Returns the columns of embeddings in x, each in the shape of its group.

    Args:
        x: the embeddings of all groups, then dense features, `(batch, columns)`.
        groups: the embeddings, `(batch, features, length)` each.
    """
    from keras import ops

    parts, start = [], 0
    for group in groups:
        _, features, length = group.shape
        stop = start + features * length
        parts.append(ops.reshape(x[:, start:stop], (-1, features, length)))
        start = stop
    return parts
