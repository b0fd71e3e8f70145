"""The base class of encoders: the keys and methods that every encoder has."""

from abc import abstractmethod
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import Field

from mtl_cli.columns.encodings import Encodings
from mtl_cli.columns.layout import Layout
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.options import NonEmptyUnits, NotNegative, Options, Positive, Units
from mtl_cli.core.tensors import Tensor, check_shape
from mtl_cli.encoders import _domain_gate
from mtl_cli.features.base import Dimension

if TYPE_CHECKING:
    from mtl_cli.layers.lookup import TableGroup


class Fields(NamedTuple):
    """The features of a batch of rows, from which an encoder computes interactions.

    Attributes:
        vectors: the embeddings of all features that have embeddings, `(batch,
            num_vectors, embedding_dim)`; None if there are none, or if the embeddings
            of two features differ in length.
        flat: x, the embeddings and dense features of a row side by side, `(batch,
            columns)`.
        num_vectors: number of features that have embeddings.
        first_order: a function that creates a weight, a single number, for each id of
            each feature, and returns the sum of the weights of each row's ids, `(batch,
            1)`.
    """

    vectors: Tensor | None
    flat: Tensor
    num_vectors: int
    first_order: Callable[[], Tensor]


class Encoder(Options):
    """The base class of encoders. The fields are the keys of `conf/encoder/*.yaml`.

    The encoding of a row is `[deep(x); interactions]`. x holds the embeddings and the
    dense features of the row side by side. The network `deep` has layers of the widths
    `deep_units`. A subclass defines the interactions in `interact`.

    With `domain_features`, a gate scales x before `deep` and `interact` read x, see
    `encoders/_domain_gate.py`.

    Attributes:
        name: name of the encoder's module.
        embedding_dim: length of a feature's vector, or `auto`, see
            `features.base.Embedded`. A feature's own `embedding_dim` takes precedence.
        embedding_stddev: standard deviation of the normal distribution of the initial
            embeddings.
        l2_embedding: strength of the L2 penalty on embeddings. `auto` is 50 / (number
            of training rows), at most .01. The penalty pulls vectors that a run takes
            over, from `start_from.run` or `pretrained`, to what they were, others to 0.
        deep_units: widths of the network `deep`; if empty, deep(x) = x.
        domain_features: features that tell the domain of a row, such as the page or
            the tab. A gate that reads these features scales x. Empty for no gate.
        domain_gate_units: widths of the hidden layers of the gate.
    """

    name: str
    embedding_dim: Dimension
    embedding_stddev: Positive
    l2_embedding: Literal["auto"] | NotNegative
    deep_units: Units
    domain_features: list[str] = Field(default_factory=list)
    domain_gate_units: NonEmptyUnits = Field(default_factory=lambda: [64])

    @abstractmethod
    def interact(self, fields: Fields) -> list[Tensor]:
        """Returns the interactions, `(batch, units)` each; they follow deep(x)."""

    def interaction_columns(self) -> list[str] | None:
        """Names the columns of the interactions, to match the columns of two runs.

        None means that the columns depend on the number or the order of the features,
        so that they match no columns of a run with other features.
        """
        return None

    def columns(self, layout: Layout) -> list[str]:
        """Returns the name of the feature to which each column of x belongs."""
        from mtl_cli.layers.lookup import feature_of_each_column

        return feature_of_each_column(layout, self.embedding_dim)

    def encode(
        self,
        inputs: dict[str, Tensor],
        layout: Layout,
        num_sets: int,
        dense_options: dict[str, Any],
    ) -> Encodings:
        """Connects the layers between the network's inputs and `num_sets` encodings.

        Each encoding has embeddings and layers of its own. `dense_options` are the
        arguments of the layers of `deep`, see `ParallelMLP`.
        """
        from mtl_cli.layers import lookup
        from mtl_cli.layers.parallel import kernel_options

        options = {
            "num_sets": num_sets,
            "attention_options": kernel_options(dense_options),
        }
        embeddings_by_group = [
            self._look_up(inputs, layout, group, name=group.layer, **options)
            for group in lookup.table_groups(layout, self.embedding_dim)
        ]  # (num_sets, batch, features, length) each
        embeddings_by_set = [
            [e[i] for e in embeddings_by_group] for i in range(num_sets)
        ]
        dense = [inputs["dense"]] if "dense" in inputs else []
        xs = [lookup.concatenate_columns(e, dense) for e in embeddings_by_set]
        columns = self.columns(layout)
        scaled_xs, scaled_embeddings = xs, embeddings_by_set
        if self.domain_features:
            scaled_xs = _domain_gate.connect(
                xs, columns, self.domain_features, self.domain_gate_units, dense_options
            )
            scaled_embeddings = [
                lookup.split_embeddings(x, e)
                for x, e in zip(scaled_xs, embeddings_by_set, strict=True)
            ]
        first_order = partial(self._first_order, inputs, layout)
        outputs = [
            self._encode_set(embeddings, x, first_order, dense_options)
            for embeddings, x in zip(scaled_embeddings, scaled_xs, strict=True)
        ]
        # `_encode_set` returns x itself if there is nothing to compute from x.
        outputs_are_x = all(
            output is x for output, x in zip(outputs, scaled_xs, strict=True)
        )
        embedded = [name for name, block in layout.blocks.items() if block.table]
        return Encodings(outputs, xs, columns, embedded, outputs_are_x=outputs_are_x)

    def _look_up(
        self,
        inputs: dict[str, Tensor],
        layout: Layout,
        group: "TableGroup",
        **options: Any,
    ) -> Tensor:
        from mtl_cli.layers.lookup import look_up

        # A network that will not be trained needs no number in place of `auto`.
        l2 = 0.0 if self.l2_embedding == "auto" else self.l2_embedding
        options |= {"stddev": self.embedding_stddev, "l2": l2}
        return look_up(inputs, layout, group, **options)

    def _first_order(self, inputs: dict[str, Tensor], layout: Layout) -> Tensor:
        from keras import ops

        from mtl_cli.layers.lookup import table_groups

        # Each weight is an embedding of length 1. The weight is trained even if the
        # feature's own embeddings are frozen.
        weights = [
            self._look_up(inputs, layout, group._replace(dim=1, frozen=False))
            for group in table_groups(layout, 1)
        ]  # (1, batch, features, 1) each
        return ops.sum(ops.concatenate(weights, axis=2), axis=(0, 2))

    def _encode_set(
        self,
        embeddings: list[Tensor],
        x: Tensor,
        first_order: Callable[[], Tensor],
        dense_options: dict[str, Any],
    ) -> Tensor:
        """Connects one set of embeddings and the dense features to an encoding."""
        from keras import ops

        from mtl_cli.layers import ParallelMLP

        vectors = None
        lengths = {e.shape[-1] for e in embeddings}
        if len(lengths) == 1:
            vectors = embeddings[0]
            if len(embeddings) > 1:  # a group of frozen tables, and one of others
                vectors = ops.concatenate(embeddings, axis=1)
        num_vectors = sum(e.shape[-2] for e in embeddings)
        interactions = self.interact(Fields(vectors, x, num_vectors, first_order))
        for tensor in interactions:
            source = f"encoder={self.name}: `interact`"
            check_shape(source, tensor, ("batch", "units"))
        deep = x
        if self.deep_units:
            deep = ParallelMLP(1, self.deep_units, **dense_options)(x)[0]
        if not interactions:
            return deep
        return ops.concatenate([deep, *interactions], axis=-1)

    def vectors_to_cross(self, fields: Fields) -> Tensor:
        """Returns `fields.vectors`, for an encoder that crosses pairs of features."""
        if fields.num_vectors < 2 or fields.vectors is None:
            raise ConfigError(
                f"encoder={self.name}: crosses embeddings of one length, so it needs "
                "two sparse or bucketized features or more, all with the same "
                "embedding_dim; change the features, or take encoder=dcn"
            )
        return fields.vectors
