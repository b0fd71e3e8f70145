"""What every encoder answers."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

from mtl_cli.columns.layout import Layout
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.options import NotNegative, Options, Positive, Units
from mtl_cli.core.tensors import Tensor
from mtl_cli.features.base import Dimension


class Fields(NamedTuple):
    """The inputs of an encoder's interactions, for one set of embeddings."""

    vectors: Tensor  # (B, F, embedding_dim); None without any or of several lengths
    flat: Tensor  # (B, D) embeddings and dense features, side by side
    num_vectors: int  # F, features that have embeddings
    first_order: Callable[[], Tensor]  # gives (B, 1): a weight for each id, summed


class Encoder(Options):
    """The keys of `conf/encoder/*.yaml`, and the network that they describe.

    The encoding is `[deep(x), interactions(x)]`, where x holds the embeddings and
    the dense features side by side.

    Attributes:
        name: name of the encoder's module.
        embedding_dim: length of a feature's vector, or `auto`, see
            `features.base.Embedded`. A feature's own `embedding_dim` takes precedence.
        embedding_stddev: standard deviation of the normal distribution of the initial
            embeddings.
        l2_embedding: strength of the L2 penalty on embeddings.
        deep_units: widths of a network on x; empty passes x on as it is.
    """

    name: str
    embedding_dim: Dimension
    embedding_stddev: Positive
    l2_embedding: NotNegative
    deep_units: Units

    @abstractmethod
    def interact(self, fields: Fields) -> list[Tensor]:
        """Returns the feature interactions, each `(batch, units)`."""

    def encode(
        self,
        inputs: dict[str, Tensor],
        layout: Layout,
        num_sets: int,
        dense_options: dict[str, Any],
    ) -> list[Tensor]:
        """Connects the inputs to `num_sets` encodings, each with its own embeddings.

        Args:
            inputs: `ids` `(batch, id features)`, `dense` `(batch, numbers)`,
                `sequences` and `sequence_weights`; any may be missing.
            layout: the places of the features in the inputs.
            num_sets: number of encodings.
            dense_options: arguments of the hidden layers, see `ParallelMLP`.

        Returns: `num_sets` tensors `(batch, dim)`.
        """
        from mtl_cli.layers.lookup import look_up, table_groups

        options = {"stddev": self.embedding_stddev, "l2": self.l2_embedding}
        groups = [
            look_up(inputs, layout, g, num_sets=num_sets, name=g.layer, **options)
            for g in table_groups(layout, self.embedding_dim)
        ]

        def first_order() -> Tensor:
            from keras import ops

            parts = [
                look_up(inputs, layout, group._replace(dim=1, frozen=False), **options)
                for group in table_groups(layout, 1)
            ]
            return ops.sum(ops.concatenate(parts, axis=2), axis=(0, 2))

        return [
            self._encode(
                [vectors[i] for vectors in groups],
                inputs.get("dense"),
                first_order,
                dense_options,
            )
            for i in range(num_sets)
        ]

    def _encode(
        self,
        groups: list[Tensor],
        dense: Tensor,
        first_order: Callable[[], Tensor],
        dense_options: dict[str, Any],
    ) -> Tensor:
        from keras import ops

        from mtl_cli.layers import ParallelMLP

        parts = [ops.reshape(g, (-1, g.shape[-2] * g.shape[-1])) for g in groups]
        parts += [] if dense is None else [dense]
        flat = parts[0] if len(parts) == 1 else ops.concatenate(parts, axis=-1)
        vectors = None
        if len({group.shape[-1] for group in groups}) == 1:
            vectors = groups[0] if len(groups) == 1 else ops.concatenate(groups, axis=1)
        count = sum(group.shape[-2] for group in groups)
        interactions = self.interact(Fields(vectors, flat, count, first_order))
        deep = flat
        if self.deep_units:
            deep = ParallelMLP(1, self.deep_units, **dense_options)(flat)[0]
        if not interactions:
            return deep
        return ops.concatenate([deep, *interactions], axis=-1)

    def pairs_of(self, fields: Fields) -> Tensor:
        """Returns the embeddings, or raises an error if there are no pairs to cross."""
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
