"""What a data set's YAML declares: files, features, tasks."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from mtl_cli.errors import suggest
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
        Differs from the paper in: values beyond those of the training rows count as
        the nearest of them.
    """

    kind: Literal["piecewise_linear"]
    num_buckets: Annotated[int, Field(ge=2)]


Feature = Annotated[
    Sparse | Bucketized | Dense | PiecewiseLinear, Field(discriminator="kind")
]
TaskName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]


class Group(Strict):
    """A choice of a data set's tasks.

    Attributes:
        tasks: in order.
        drop: features that are left out.
    """

    tasks: Annotated[list[str], Field(min_length=1)]
    drop: list[str] = Field(default_factory=list)


class Dataset(Strict):
    """The keys of `conf/dataset/*.yaml`.

    Paths are relative to the folder that `mtl-train` starts in; the bundled data sets
    are found from anywhere.

    Attributes:
        name: of the data set, for folders and tables.
        train: file of the training rows, `.parquet` or `.csv`.
        valid: file of the validation rows; null to take them from another file.
        test: file of the test rows; null to take them from `train`, or for none.
        valid_fraction: share of a file's rows held out for validation; 0 for none.
        valid_from: the file that they come from, `train` or `test`.
        test_fraction: share of the training file's rows held out for testing.
        split_by: which rows are held out: `random` ones; `group`: whole groups (users)
            at random; `time`: those with the latest times; `order`: the last rows.
            Splits follow each other as train, valid, test.
        split_column: of the groups or times; null for `random` and `order`.
        split_seed: of the choice; apart from `seed`, so that runs with different seeds
            are scored on the same rows.
        weight_column: what each row counts in losses and metrics; null is 1.
        group_column: of group AUC (a user, a session); null leaves `gauc` out.
        features: what each column is; columns not named are not read.
        tasks: what can be predicted.
        groups: named choices of tasks, with features that they leave out.
        group: the choice that is used; null is all tasks and features.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    train: str
    valid: str | None
    test: str | None
    valid_fraction: Share
    valid_from: Literal["train", "test"] = "train"
    test_fraction: Share = 0.0
    split_by: Literal["random", "group", "time", "order"] = "random"
    split_column: str | None = None
    split_seed: CountOrZero
    weight_column: str | None = None
    group_column: str | None = None
    features: Annotated[dict[str, Feature], Field(min_length=1)]
    tasks: Annotated[dict[TaskName, Task], Field(min_length=1)]
    groups: dict[str, Group] = Field(default_factory=dict)
    group: str | None = None

    @model_validator(mode="after")
    def _rules(self) -> "Dataset":
        if self.group is not None and self.group not in self.groups:
            known = list(self.groups)
            raise ValueError(
                f"group: no group {self.group!r}, known: {', '.join(known) or 'none'}"
                f"{suggest(self.group, known)}"
            )
        self._check_splits()
        for name, task in self.group_tasks.items():
            if task.label in self.used_features:
                raise ValueError(
                    f"features.{task.label}: is the label of task {name}, so the "
                    "model would see the answer; remove it from the features"
                )
            if "gauc" in (task.metrics or []) and self.group_column is None:
                raise ValueError(
                    f"tasks.{name}.metrics: gauc needs dataset.group_column, the "
                    "column of users or sessions"
                )
        return self

    def _check_splits(self) -> None:
        if self.valid is not None and self.valid_fraction:
            raise ValueError(
                "valid_fraction: dataset.valid names the validation rows already; set "
                "one of them to 0 or null"
            )
        if self.test is not None and self.test_fraction:
            raise ValueError(
                "test_fraction: dataset.test names the test rows already; set "
                "one of them to 0 or null"
            )
        if self.valid_from == "test" and self.test is None:
            raise ValueError("valid_from: there is no test file to take rows from")
        if self.valid_fraction + self.test_fraction >= 1:
            raise ValueError("valid_fraction: with test_fraction leaves nothing over")
        if (self.split_by in ("group", "time")) != (self.split_column is not None):
            raise ValueError(
                f"split_column: split_by={self.split_by} "
                f"{'needs' if self.split_column is None else 'does not use'} a column"
            )
        for name, group in self.groups.items():
            for task in group.tasks:
                if task not in self.tasks:
                    raise ValueError(f"groups.{name}.tasks: no task {task!r}")
            for feature in group.drop:
                if feature not in self.features:
                    raise ValueError(f"groups.{name}.drop: no feature {feature!r}")

    @property
    def used_features(self) -> dict[str, Feature]:
        """The features of the chosen group."""
        drop = self.groups[self.group].drop if self.group is not None else []
        return {n: f for n, f in self.features.items() if n not in drop}

    @property
    def group_tasks(self) -> dict[str, Task]:
        """The tasks of the chosen group."""
        if self.group is None:
            return self.tasks
        return {name: self.tasks[name] for name in self.groups[self.group].tasks}

    @property
    def has_validation(self) -> bool:
        """Whether there are validation rows."""
        return self.valid is not None or self.valid_fraction > 0
