"""The base class of all kinds of features; each kind is one file in this folder."""

from abc import abstractmethod
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field

from mtl_cli.columns.examples import Cells, example_numbers, example_values
from mtl_cli.columns.fitters import Fitter, Learnt
from mtl_cli.columns.layout import Block, EmbeddingTable
from mtl_cli.columns.numeric import Floats
from mtl_cli.core.learnt_values import check_finite
from mtl_cli.core.option_classes import overridden_below
from mtl_cli.core.options import Count, Options
from mtl_cli.core.tensors import Tensor
from mtl_cli.graphs.base import GraphError, GraphOps, InputKind

Array = npt.NDArray[Any]
# Keep the order `Literal | Count`, as in `Trainer`. Python caches unions regardless of
# their order, so another order here would change the generated schemas.
Dimension = Literal["auto"] | Count
Number = Annotated[float, Field(allow_inf_nan=False)]
Missing = Literal["error", "mean", "median"] | Number
NumBuckets = Annotated[int, Field(ge=2, lt=2**31)]


class Feature(Options):
    """The keys of one feature, and the code of its kind.

    In all methods, `name` is the name of the feature. `learnt` holds the values that
    have been learnt from the training rows: by the fitter of this feature or, for a
    shared embedding table, by the fitter of the feature that owns the table.

    A kind declares its keys as fields. Code for all kinds looks for the fields
    `missing`, `table`, `min_count` and `pretrained`, as `Dense` and `Sparse` have them.

    Attributes:
        kind: the kind of the feature, named by its file in `mtl_cli/features`.
        numeric: whether the feature reads numbers. If so, columns of text files are
            read as float64 instead of text, unless something else needs the text, and
            the encoded values have an order.
        reports_unseen: whether reports count values unseen in training. For ids, unseen
            means id 0. For numbers, it means outside the learnt range `low` to `high`;
            kinds that do not learn this range count none.
        id_encoding: the method that turns values into ids: `vocabulary` or `hash`.
            Features can share an embedding table if their `id_encoding` is equal. None
            if features of this kind cannot share a table.
        has_one_id: whether each row has exactly one id. Only such a feature can be the
            scenario of the data set.
        needs_own_examples: whether the feature refuses the `examples` of other kinds.
        aligns_columns: whether the feature reads several columns of lists with equal
            lengths. `--set` must then set all of these columns or none.
    """

    kind: str
    numeric: ClassVar[bool] = False
    reports_unseen: ClassVar[bool] = False
    id_encoding: ClassVar[str | None] = None
    has_one_id: ClassVar[bool] = False
    needs_own_examples: ClassVar[bool] = False
    aligns_columns: ClassVar[bool] = False

    def source_columns(self, name: str) -> list[str]:
        """Returns the columns that the feature reads."""
        return [name]

    def table_owner(self, name: str) -> str:
        """Returns the name of the feature whose embedding table this feature uses."""
        return getattr(self, "table", None) or name

    def check_table_owner(self, name: str, owner: "Embedded") -> None:
        """Raises a `ValueError` if the feature cannot use the table of this owner."""

    @abstractmethod
    def read(self, name: str, table: pa.Table) -> Any:
        """Reads and checks the feature's values in the rows of a table.

        Returns the values in the form that `encode` takes. Raises a `DataError` if a
        column does not hold what the feature needs.
        """

    def fitter(self, name: str) -> Fitter:
        """Returns a new object that learns `learnt` from the training rows.

        In a run that starts from an earlier run, new values of a `vocabulary` are added
        at the end of the earlier one, and all other values stay as they were.
        """
        return Fitter(partial(self.read, name))

    def check_learnt(self, learnt: Learnt) -> None:
        """Raises a `ValueError` if the fitter of this kind cannot have learnt `learnt`.

        A forged saved model or entry of the cache can hold such values. `learnt` is
        empty if the feature uses the table of another feature. A kind that overrides
        this method calls `super().check_learnt(learnt)`.
        """
        if "vocabulary" in learnt:
            if not isinstance(learnt["vocabulary"], list):
                raise ValueError("the vocabulary is not a list of texts")
            if learnt.vocabulary.null_count:
                raise ValueError("the vocabulary holds null; expected texts")
            if "" in learnt["vocabulary"]:  # an empty cell has no value
                raise ValueError("the vocabulary holds an empty text")
            if len(learnt.vocabulary.unique()) < len(learnt.vocabulary):
                raise ValueError("the vocabulary holds a value twice")
        if "counts" in learnt:
            check_finite(learnt, "counts", len(learnt["vocabulary"]), lowest=0)

    @abstractmethod
    def encode(self, name: str, values: Any, learnt: Learnt) -> dict[str, Array]:
        """Turns values, the result of `read`, into columns of the network's inputs.

        Returns {input of the network: array (rows, width)}. The inputs are `ids`, for
        ids to look up in embedding tables, `dense`, for numbers, and `sequences` with
        `sequence_weights`, for the ids and weights of lists.
        """

    @abstractmethod
    def block(self, name: str, learnt: Learnt) -> Block:
        """Returns the input that the feature fills, and its width."""

    def numbers_text(self, learnt: Learnt) -> str:
        """Returns the formula of the feature's columns in the input `dense`, or "".

        For example, "(x - low) / (high - low)": x is the number in the cell, and other
        names are keys of `learnt`.
        """
        return ""

    def embedding_table(self, learnt: Learnt) -> EmbeddingTable | None:
        """Describes the embedding table of the feature's ids; None without ids."""
        return None

    def input_kinds(self, name: str) -> dict[str, InputKind]:
        """Returns {column: the kind of its cells in an exported graph}."""
        kind: InputKind = "number" if self.numeric else "text"
        return dict.fromkeys(self.source_columns(name), kind)

    def graph(self, name: str, learnt: Learnt, ops: GraphOps) -> dict[str, Tensor]:
        """Builds `read` and `encode` as a graph of tensors, for exported models.

        `ops` are the graph's raw columns and operations. A class that overrides `read`
        or `encode` must override `graph` too. Raises a `GraphError` if the kind cannot
        be exported. Returns {input of the network: tensor (rows, width)}.
        """
        raise GraphError(
            f"kind {self.kind} has no method `graph`; add it, or export with --format "
            "weights"
        )

    def encodes_otherwise(self, method: str) -> bool:
        """Whether the class overrides `read` or `encode`, but inherits `method`.

        The inherited method, such as `graph`, fits only the base class that defines it.
        """
        overrides = overridden_below(type(self), method)
        return "read" in overrides or "encode" in overrides

    def examples(
        self, name: str, learnt: Learnt, random: np.random.Generator, num_rows: int
    ) -> dict[str, Cells]:
        """Makes {column: one cell per row}, to test an exported model.

        The cells include unseen values, and missing values if the feature accepts them.
        """
        if not self.numeric:
            vocabulary = learnt.get("vocabulary", [])
            return {name: example_values(vocabulary, random, num_rows)}
        # The floats that the kind has learnt, such as the edges of buckets, are about
        # as large as the column's numbers.
        values = [x for value in learnt.values() for x in np.ravel(value).tolist()]
        floats = [x for x in values if isinstance(x, float)]
        missing = getattr(self, "missing", "error")
        return {name: example_numbers(floats, missing, random, num_rows)}

    def summary(self, encoded: Array) -> Array:
        """Returns one number per row, for statistics of the feature, (rows,).

        `encoded` are the columns that the feature fills in the input of its `block`.
        """
        return encoded[:, 0]

    def all_values(self, columns: dict[str, Array]) -> tuple[Array, Array]:
        """Returns all encoded values of all rows, for distributions, counts and AUCs.

        A kind without lists has one value per row: the `summary`.

        Args:
            columns: {input: the columns that the feature fills in this input, (rows,
                width)}, for the input of the feature's `block`. If this is `sequences`,
                the dict also holds `sequence_weights`.

        Returns: the values, (values,), and the ascending row number of each value.
        """
        (encoded,) = (x for key, x in columns.items() if key != "sequence_weights")
        values = self.summary(encoded)
        return values, np.arange(len(values))

    def value_names(self, values: Array, learnt: Learnt) -> list[str] | None:
        """Returns the names of values that `summary` has returned, (values,).

        Slices and scenarios show the names. Returns None if the values have no names.
        """
        return None


class Embedded(Feature):
    """The base class of kinds whose ids have vectors in an embedding table.

    Attributes:
        embedding_dim: length of a vector; `auto` is 6 times the fourth root of the
            table's size (Wang et al., ADKDD 2017, section 4.1); null takes the
            encoder's `embedding_dim`.
    """

    embedding_dim: Dimension | None = None
    has_one_id = True

    def num_ids(self, learnt: Learnt) -> int:
        """Returns the number of ids, including id 0."""
        return 1 + len(learnt["vocabulary"])

    def block(self, name: str, learnt: Learnt) -> Block:
        return Block("ids", table=self.table_owner(name))

    def embedding_table(self, learnt: Learnt) -> EmbeddingTable:
        pretrained: Pretrained | None = getattr(self, "pretrained", None)
        frozen = pretrained is not None and pretrained.frozen
        # `auto` depends on the size of the table. A run that starts from an earlier run
        # keeps the length that `auto` gave in the earlier run.
        dim = learnt.get("embedding_dim", self.embedding_dim)
        rates = self.dropout_rates(learnt) if self.dropout_count else None
        # With `min_count` 1, each value of the training rows has an id of its own.
        has_unknown = getattr(self, "min_count", None) != 1 or rates is not None
        return EmbeddingTable(
            self.num_ids(learnt),
            dim,
            frozen,
            trains_unknown=has_unknown and not frozen,
            dropout_rates=rates,
        )

    @property
    def dropout_count(self) -> float:
        """The number of training rows at which an id is dropped half of the time.

        0 if no id is dropped: by default, the value of the key `id_dropout`, if any.
        """
        count: float = getattr(self, "id_dropout", 0.0)
        return count

    def dropout_rates(self, learnt: Learnt) -> Floats:
        """Returns the probability of each id to become id 0 in a training step, (ids,).

        This is a / (a + n), the word dropout of Kiperwasser and Goldberg (TACL 2016): a
        is `dropout_count`, and n is the number of training rows with the id.
        """
        counts = np.array([0, *learnt["counts"]], "float64")
        return self.dropout_count / (self.dropout_count + counts)


class Pretrained(Options):
    """Vectors that an embedding table starts from.

    Attributes:
        vectors: `.npy` file with a matrix, one vector per row.
        ids: text file with one value per line. The vector in the same row of `vectors`
            belongs to this value.
        frozen: whether training leaves the table unchanged. If so, the vectors of all
            other values are zeros; otherwise, they start at random.
    """

    vectors: str
    ids: str
    frozen: bool = False
