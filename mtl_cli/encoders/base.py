"""What every encoder has in common."""

from abc import abstractmethod
from typing import Any, NamedTuple

from mtl_cli.errors import ConfigError
from mtl_cli.schema import Count, NotNegative, Positive, Strict, Units


class Fields(NamedTuple):
    """What an encoder's interactions can read, of one set of embeddings."""

    ids: Any  # (B, F) sparse ids; None without sparse features
    vectors: Any  # (B, F, embedding_dim) their embeddings; None without
    flat: Any  # (B, D) embeddings and dense features, side by side
    vocabulary_sizes: list[int]


class Encoder(Strict):
    """The keys of `conf/encoder/*.yaml`, and the network that they describe.

    The encoding is `[deep(x), interactions(x)]`, where x holds the embeddings and
    the dense features side by side.

    Attributes:
        name: the module that holds the encoder.
        embedding_dim: length of a sparse feature's vector.
        embedding_stddev: standard deviation of the normal start of embeddings.
        l2_embedding: strength of the L2 penalty on embeddings.
        deep_units: widths of a network on x; empty passes x on as it is.
    """

    name: str
    embedding_dim: Count
    embedding_stddev: Positive
    l2_embedding: NotNegative
    deep_units: Units

    @abstractmethod
    def interact(self, fields: Fields) -> list[Any]:
        """Returns the feature interactions, each `(batch, units)`."""

    def encode(
        self,
        inputs: dict[str, Any],
        vocabulary_sizes: list[int],
        num_sets: int,
        dense_options: dict[str, Any],
    ) -> list[Any]:
        """Connects the inputs to `num_sets` encodings, each with its own embeddings.

        Args:
            inputs: `ids` `(batch, sparse features)`, `dense` `(batch, numbers)`;
                either may be missing.
            vocabulary_sizes: number of ids of each sparse feature.
            num_sets: how many encodings.
            dense_options: of the hidden layers, see `ParallelMLP`.

        Returns: `num_sets` tensors `(batch, dim)`.
        """
        from mtl_cli.layers import FusedEmbedding

        ids, dense = inputs.get("ids"), inputs.get("dense")
        vectors: Any = [None] * num_sets
        if ids is not None:
            vectors = FusedEmbedding(
                vocabulary_sizes,
                self.embedding_dim,
                num_sets,
                self.embedding_stddev,
                self.l2_embedding,
                name="embedding",
            )(ids)  # (sets, B, F, embedding_dim)
        return [
            self._encode(ids, vectors[i], dense, vocabulary_sizes, dense_options)
            for i in range(num_sets)
        ]

    def _encode(
        self,
        ids: Any,
        vectors: Any,
        dense: Any,
        vocabulary_sizes: list[int],
        dense_options: dict[str, Any],
    ) -> Any:
        from keras import ops

        from mtl_cli.layers import ParallelMLP

        parts = [] if dense is None else [dense]
        if vectors is not None:
            width = len(vocabulary_sizes) * self.embedding_dim
            parts.insert(0, ops.reshape(vectors, (-1, width)))
        flat = parts[0] if len(parts) == 1 else ops.concatenate(parts, axis=-1)
        interactions = self.interact(Fields(ids, vectors, flat, vocabulary_sizes))
        deep = flat
        if self.deep_units:
            deep = ParallelMLP(1, self.deep_units, **dense_options)(flat)[0]
        if not interactions:
            return deep
        return ops.concatenate([deep, *interactions], axis=-1)

    def pairs_of(self, fields: Fields) -> Any:
        """Returns the embeddings, of which an interaction of pairs needs two."""
        if len(fields.vocabulary_sizes) < 2:
            raise ConfigError(
                f"encoder={self.name}: needs two features with embeddings to cross, "
                f"the data set has {len(fields.vocabulary_sizes)}; give more sparse "
                "or bucketized features, or take encoder=dcn"
            )
        return fields.vectors
