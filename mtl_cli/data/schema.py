"""What a data set's YAML declares: files, features, tasks."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from mtl_cli.schema import Count, CountOrZero, Share, Strict
from mtl_cli.tasks import Task


class Sparse(Strict):
    """A column of ids or words; each value seen in training gets an embedding.

    Attributes:
        min_count: rarer values of the training rows share index 0 with unseen ones.
    """

    kind: Literal["sparse"]
    min_count: Count = 1


class Bucketized(Strict):
    """A numeric column cut into buckets that each get an embedding.

    Cuts are quantiles of the training rows; a value that fills a bucket by itself
    (capital_gain = 0) gets one of its own.

    Attributes:
        num_buckets: how many, at most.
    """

    kind: Literal["bucketized"]
    num_buckets: Annotated[int, Field(ge=2)]


class Dense(Strict):
    """A numeric column that enters as a number.

    Attributes:
        transform: fitted on training rows: `standard` (mean 0, deviation 1), `minmax`
            (0 to 1), `log1p` (of the absolute value, keeping the sign, then standard),
            `quantile` (rank from 0 to 1), `none`.
    """

    kind: Literal["dense"]
    transform: Literal["standard", "minmax", "log1p", "quantile", "none"]


class PiecewiseLinear(Strict):
    """A numeric column as one number a bucket: how far the value reaches into it.

    Attributes:
        num_buckets: how many, at most; cut as `Bucketized` cuts.

    Reference: Gorishniy et al., "On Embeddings for Numerical Features in Tabular
        Deep Learning", NeurIPS 2022, section 3.2.
    """

    kind: Literal["piecewise_linear"]
    num_buckets: Annotated[int, Field(ge=2)]


Feature = Annotated[
    Sparse | Bucketized | Dense | PiecewiseLinear, Field(discriminator="kind")
]
TaskName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]


class Dataset(Strict):
    """The keys of `conf/dataset/*.yaml`.

    Paths are relative to the folder that `mtl-train` starts in; the bundled data sets
    are found from anywhere.

    Attributes:
        name: of the data set, for folders and tables.
        train: file of the training rows, `.parquet` or `.csv`.
        valid: file of the validation rows; null to take them from `train`.
        test: file of the test rows; null for none.
        valid_fraction: share of the training rows held out for validation, if no file
            is given; 0 for none.
        split_seed: chooses those rows; apart from `seed`, so that runs with different
            seeds are scored on the same rows.
        weight: column of what each row counts in losses and metrics; null is 1.
        group: column of group AUC (a user, a session); null leaves `gauc` out.
        features: what each column is; columns not named are not read.
        tasks: what is to be predicted.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    train: str
    valid: str | None
    test: str | None
    valid_fraction: Share
    split_seed: CountOrZero
    weight: str | None = None
    group: str | None = None
    features: Annotated[dict[str, Feature], Field(min_length=1)]
    tasks: Annotated[dict[TaskName, Task], Field(min_length=1)]

    @model_validator(mode="after")
    def _rules(self) -> "Dataset":
        if self.valid is not None and self.valid_fraction:
            raise ValueError(
                "valid_fraction: dataset.valid names the validation rows already; set "
                "one of them to 0 or null"
            )
        for name, task in self.tasks.items():
            if task.label in self.features:
                raise ValueError(
                    f"features.{task.label}: is the label of task {name}, so the "
                    "model would see the answer; remove it from the features"
                )
            if "gauc" in (task.metrics or []) and self.group is None:
                raise ValueError(
                    f"tasks.{name}.metrics: gauc needs dataset.group, the column of "
                    "users or sessions"
                )
        return self

    @property
    def has_validation(self) -> bool:
        """Whether there are validation rows."""
        return self.valid is not None or self.valid_fraction > 0
