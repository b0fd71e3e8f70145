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
from mtl_cli.columns.vocabulary import check_vocabulary
from mtl_cli.core.message_text import comma_list
from mtl_cli.core.option_classes import overridden_below
from mtl_cli.core.options import Count, Options
from mtl_cli.core.tensors import Tensor
from mtl_cli.graphs.base import GraphError, GraphOps, InputKind

Array = npt.NDArray[Any]
# Written as in `Trainer`: Python takes unions of the same types for equal, whatever
# their order, and schemas show the order of the first one that is imported.
Dimension = Literal["auto"] | Count
Number = Annotated[float, Field(allow_inf_nan=False)]
Missing = Literal["error", "mean", "median"] | Number
NumBuckets = Annotated[int, Field(ge=2, lt=2**31)]
FLOAT32_MAX = float(np.finfo("float32").max)


class Feature(Options):
    """The settings of one feature, and the code of its kind.

    In all methods, `name` is the name of the feature, and `learnt` are the values that
    a fitter has learnt from the training rows: the fitter of this feature, or of the
    feature that owns the embedding table.

    Only some kinds have the setting `table`, the name of another feature whose
    embedding table this feature uses. Only some kinds have the setting `pretrained`,
    see `Pretrained`. Numeric kinds have the setting `missing`. Code for all kinds reads
    these settings with `getattr`.

    Attributes:
        kind: the kind of the feature, named by its file in `mtl_cli/features`.
        numeric: whether the feature reads numbers. If so, columns of text files are
            read as float64 instead of text, and the encoded values have an order.
        reports_unseen: whether values that the training rows lack are counted. Such a
            value has id 0. Numbers are counted if the kind learns the range of the
            training rows, `low` and `high`: a number outside of it is unseen.
        id_encoding: the method that turns values into ids: `vocabulary` or `hash`.
            Features can share an embedding table if their `id_encoding` is equal. None
            if features of this kind cannot share a table.
        has_one_id: whether each row has one id, so that the id can be the scenario of
            the row.
        aligns_columns: whether the columns hold lists that must have equal lengths, so
            that `--set` has to set all of the columns or none.
    """

    kind: str
    numeric: ClassVar[bool] = False
    reports_unseen: ClassVar[bool] = False
    id_encoding: ClassVar[str | None] = None
    has_one_id: ClassVar[bool] = False
    aligns_columns: ClassVar[bool] = False

    def source_columns(self, name: str) -> list[str]:
        """Returns the names of the columns that the feature reads."""
        return [name]

    def table_owner(self, name: str) -> str:
        """Returns the name of the feature that owns this feature's embedding table."""
        return getattr(self, "table", None) or name

    @abstractmethod
    def read(self, name: str, table: pa.Table) -> Any:
        """Reads and checks the feature's values in the rows of a table.

        Returns: the values in the form that `encode` takes.

        Raises:
            DataError: if a column does not hold what the feature needs.
        """

    def fitter(self, name: str) -> Fitter:
        """Returns a new object that learns from the training rows.

        The object learns the values that `encode` and other methods receive as
        `learnt`. In a run that starts from an earlier run, new values of a `vocabulary`
        are added at the end of the earlier one, and all other values stay as they were.
        """
        return Fitter(partial(self.read, name))

    def check_learnt(self, learnt: Learnt) -> None:
        """Checks what the feature itself has learnt, when a saved model is loaded.

        `learnt` is empty if the feature uses the table of another feature. A kind that
        overrides this method calls `super().check_learnt(learnt)`.

        Raises:
            ValueError: if the fitter of this kind cannot have learnt such values. A
                forged file can hold them.
        """
        if "vocabulary" in learnt:
            if not isinstance(learnt["vocabulary"], list):
                raise ValueError("the vocabulary is no list; expected texts")
            check_vocabulary(learnt.vocabulary)

    @abstractmethod
    def encode(self, name: str, values: Any, learnt: Learnt) -> dict[str, Array]:
        """Turns values, the result of `read`, into columns of the network's inputs.

        Returns: {input of the network: array (rows, width)}. The inputs are `ids`, for
            ids to look up in embedding tables, `dense`, for numbers, and `sequences`
            with `sequence_weights`, for the ids and weights of lists.
        """

    @abstractmethod
    def block(self, name: str, learnt: Learnt) -> Block:
        """Returns the input of the network that the feature fills, and its columns.

        For example, `Block("dense", 2)` is for a feature that fills two numbers.
        """

    def numbers_text(self, learnt: Learnt) -> str:
        """Describes how the feature fills its columns in the input `dense`.

        In the text, x is the number in the cell, and other names are keys of `learnt`.
        Returns "" for a feature that fills none, or that does not describe them. The
        text of a base class counts only if the class encodes cells as the base class
        does, see `encoding_overrides`.
        """
        return ""

    def embedding_table(self, learnt: Learnt) -> EmbeddingTable | None:
        """Returns the embedding table that the feature owns; None for numbers."""
        return None

    def input_kinds(self, name: str) -> dict[str, InputKind]:
        """Returns {column: whether an exported graph reads text or numbers from it}."""
        kind: InputKind = "number" if self.numeric else "text"
        return dict.fromkeys(self.source_columns(name), kind)

    def graph(self, name: str, learnt: Learnt, ops: GraphOps) -> dict[str, Tensor]:
        """Builds `encode` as a graph that reads raw columns, for exported models.

        `ops` has the graph's columns and operations.

        Returns: {input of the network: tensor (rows, width)}.

        A subclass inherits `graph` only if it encodes cells as its base class does: a
        class that overrides `read` or `encode` needs a `graph` of its own to be
        exported, see `check_graph`.

        Raises:
            GraphError: if the kind cannot be exported in this format.
        """
        raise NotImplementedError  # `check_graph` refuses kinds without this method

    def examples(
        self, name: str, learnt: Learnt, random: np.random.Generator, num_rows: int
    ) -> dict[str, Cells]:
        """Makes cells of the feature's columns, to test an exported model.

        The cells include unseen values, and missing values if the feature accepts them.

        Returns: {column: one cell per row}.
        """
        if not self.numeric:
            vocabulary = learnt.get("vocabulary", [])
            return {name: example_values(vocabulary, random, num_rows)}
        # The examples lie around the floats that the kind has learnt: these are about
        # as large as the column's numbers.
        values = [x for value in learnt.values() for x in np.ravel(value).tolist()]
        numbers = [x for x in values if isinstance(x, float)]
        missing = getattr(self, "missing", "error")
        return {name: example_numbers(numbers, missing, random, num_rows)}

    def summary(self, encoded: Array) -> Array:
        """Returns one number per row for statistics of a feature, (rows,).

        `encoded` are the feature's columns of the network's input, (rows, width).
        """
        return encoded[:, 0]

    def all_values(self, columns: dict[str, Array]) -> tuple[Array, Array]:
        """Returns all encoded values of all rows, for distributions, counts and AUCs.

        A kind without lists has one value per row: the `summary`.

        Args:
            columns: {input of the network: the feature's columns, (rows, width)}. The
                input of the feature's block comes first.

        Returns: the values of all rows, (values,), and the row number of each value,
            ascending, (values,).
        """
        values = self.summary(next(iter(columns.values())))
        return values, np.arange(len(values))

    def value_names(self, values: Array, learnt: Learnt) -> list[str] | None:
        """Returns the names of values that `summary` returns, for slices and scenarios.

        Returns: the name of each value; None if the values are not categories, or have
            no names.
        """
        return None

    def is_row_id(self, num_distinct: int, num_rows: int) -> bool:
        """Whether the values seem to be ids of rows. A model learns nothing from them.

        Both numbers are of training rows; `num_distinct` counts their distinct values.
        """
        return False


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
        """Returns the number of ids, including id 0.

        Kinds without a vocabulary override this method.
        """
        return 1 + len(learnt["vocabulary"])

    def block(self, name: str, learnt: Learnt) -> Block:
        return Block("ids", table=self.table_owner(name))

    def embedding_table(self, learnt: Learnt) -> EmbeddingTable:
        pretrained: Pretrained | None = getattr(self, "pretrained", None)
        frozen = pretrained is not None and pretrained.frozen
        # `auto` depends on the size of the table. A run that goes on from an earlier
        # run keeps the length that `auto` gave in the earlier run.
        dim = learnt.get("embedding_dim", self.embedding_dim)
        # With `min_count` 1, each value of the training rows has an id of its own.
        trains_unknown = getattr(self, "min_count", 2) > 1 and not frozen
        return EmbeddingTable(self.num_ids(learnt), dim, frozen, trains_unknown)


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


def encoding_overrides(feature: Feature, method: str) -> list[str]:
    """Returns the methods by which a feature encodes cells unlike its base class.

    The base class is the class whose `method` the feature inherits: `graph` or
    `numbers_text`, which must fit the encoding.
    """
    overrides = []
    for name in overridden_below(type(feature), method):
        is_of_all_kinds = hasattr(Embedded, name)
        learns_or_checks = name.startswith(("_fit", "_check_"))
        # A method that only some kinds have may be a step of `encode`.
        is_step = not is_of_all_kinds and not learns_or_checks
        if is_step or name in ("read", "encode"):
            overrides.append(name)
    return sorted(overrides)


def check_graph(feature: Feature) -> None:
    """Raises a `GraphError` if no method `graph` fits the encoding of a feature."""
    if overrides := encoding_overrides(feature, "graph"):
        names = comma_list(f"`{name}`" for name in overrides)
        raise GraphError(
            f"kind {feature.kind} has its own {names}, but no `graph` of its own, so "
            "an export would not encode the column as mtl-predict does; add the method "
            "`graph` to the class of the kind, or export with --format weights"
        )


def number_column(
    name: str, missing: str | float, ops: GraphOps, max_size: float = FLOAT32_MAX
) -> Tensor:
    """Reads the column of a numeric feature in a graph.

    The graph refuses the values that `read` refuses: numbers whose absolute value is
    above `max_size`, and empty cells if `missing` is `error`.
    """
    x = ops.read_column(name, "number")
    ops.require(ops.is_within(x, -max_size, max_size))
    if missing == "error":
        ops.require(ops.is_number(x))
    return x
