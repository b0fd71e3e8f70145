"""What a feature's YAML declares: one class a kind."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from mtl_cli.core.options import Count, Options

Dimension = Count | Literal["auto"]
Number = Annotated[float, Field(allow_inf_nan=False)]


class Pretrained(Options):
    """Vectors that an embedding table starts from.

    Attributes:
        vectors: `.npy` file, (N, dim) numbers.
        ids: text file, N lines: the value that each row of `vectors` belongs to.
        frozen: whether training leaves the table as it is.
    """

    vectors: str
    ids: str
    frozen: bool = False


class Embedded(Options):
    """What all features with an embedding table have.

    Attributes:
        embedding_dim: length of a vector; `auto` is 6 times the fourth root of the
            table's size (Wang et al., ADKDD 2017, section 4.1); null is the encoder's.
    """

    embedding_dim: Dimension | None = None


class Sparse(Embedded):
    """A column of ids or words; each value seen in training gets an embedding.

    Attributes:
        min_count: rarer values of the training rows share index 0 with unseen ones.
        table: a feature whose embedding table this one uses too; null is its own.
        pretrained: vectors to start from.
    """

    kind: Literal["sparse"]
    min_count: Count = 1
    table: str | None = None
    pretrained: Pretrained | None = None


class Hashed(Embedded):
    """A column of ids or words, hashed to a fixed number of embeddings.

    Attributes:
        num_buckets: how many; a missing value has one more.
        table: a feature whose embedding table this one uses too; null is its own.
    """

    kind: Literal["hashed"]
    num_buckets: Annotated[int, Field(ge=2, lt=2**31)]
    table: str | None = None


class Cross(Embedded):
    """Several columns taken together as one id.

    Attributes:
        columns: of ids or words; they need not be features themselves.
        min_count: rarer combinations share index 0 with unseen ones.
        num_buckets: hash to so many embeddings instead of keeping a vocabulary.
    """

    kind: Literal["cross"]
    columns: Annotated[list[str], Field(min_length=2)]
    min_count: Count = 1
    num_buckets: Annotated[int, Field(ge=2, lt=2**31)] | None = None

    @model_validator(mode="after")
    def _rules(self) -> "Cross":
        if len(set(self.columns)) < len(self.columns):
            raise ValueError("columns: names a column twice; name each once")
        return self


class Sequence(Embedded):
    """A list of ids or words in each row, embedded and pooled to one vector.

    Attributes:
        max_length: longer lists keep their last values.
        separator: of a column of text, such as `a|b|c`; null for a list column.
        pooling: `mean`, `sum` or `max` over the values of a row.
        weights: column with a number for each value, in the same form; `mean` and
            `sum` count each value so often.
        min_count: rarer values of the training rows share index 0 with unseen ones.
        table: a feature whose embedding table this one uses too; null is its own.
        pretrained: vectors to start from.
    """

    kind: Literal["sequence"]
    max_length: Count
    separator: Annotated[str, Field(min_length=1)] | None = None
    pooling: Literal["mean", "sum", "max"] = "mean"
    weights: str | None = None
    min_count: Count = 1
    table: str | None = None
    pretrained: Pretrained | None = None

    @model_validator(mode="after")
    def _rules(self) -> "Sequence":
        if self.weights is not None and self.pooling == "max":
            raise ValueError("weights: pooling max has no use for them; remove them")
        return self


class Bucketized(Embedded):
    """A numeric column cut into buckets that each get an embedding.

    Cuts are quantiles of the training rows; a value that fills a bucket by itself
    (capital_gain = 0) gets one of its own.

    Attributes:
        num_buckets: how many, at most.
        edges: where the buckets are cut, instead; a value on an edge lies above it.
        missing: `error`, or `bucket`: empty cells have a bucket of their own.
    """

    kind: Literal["bucketized"]
    num_buckets: Annotated[int, Field(ge=2)] | None = None
    edges: Annotated[list[Number], Field(min_length=1)] | None = None
    missing: Literal["error", "bucket"] = "error"

    @model_validator(mode="after")
    def _rules(self) -> "Bucketized":
        if (self.num_buckets is None) == (self.edges is None):
            raise ValueError("num_buckets: give either num_buckets or edges")
        if self.edges is not None and self.edges != sorted(set(self.edges)):
            raise ValueError("edges: must grow from each to the next")
        return self


class Dense(Options):
    """A numeric column that enters as a number.

    Attributes:
        transform: fitted on training rows: `standard` (mean 0, deviation 1), `minmax`
            (0 to 1), `log1p` (of the absolute value, keeping the sign, then standard),
            `quantile` (rank from 0 to 1), `none`.
        missing: `error`, or what an empty cell counts as: the `mean` or `median` of
            the training rows, or a number.
    """

    kind: Literal["dense"]
    transform: Literal["standard", "minmax", "log1p", "quantile", "none"]
    missing: Literal["error", "mean", "median"] | Number = "error"


class PiecewiseLinear(Options):
    """A numeric column as one number a bucket: how far the value reaches into it.

    Attributes:
        num_buckets: how many, at most; cut as `Bucketized` cuts.
        missing: as of `Dense`.

    Reference: Gorishniy et al., "On Embeddings for Numerical Features in Tabular
        Deep Learning", NeurIPS 2022, section 3.2.
        Differs from the paper in: values beyond those of the training rows count as
        the nearest of them.
    """

    kind: Literal["piecewise_linear"]
    num_buckets: Annotated[int, Field(ge=2)]
    missing: Literal["error", "mean", "median"] | Number = "error"


Feature = Annotated[
    Sparse | Hashed | Cross | Sequence | Bucketized | Dense | PiecewiseLinear,
    Field(discriminator="kind"),
]


def columns_of(name: str, feature: Any) -> list[str]:
    """Returns the columns that a feature reads."""
    if isinstance(feature, Cross):
        return feature.columns
    if isinstance(feature, Sequence) and feature.weights is not None:
        return [name, feature.weights]
    return [name]


def owner_of(name: str, feature: Any) -> str:
    """Returns the feature whose embedding table a feature uses."""
    return getattr(feature, "table", None) or name
