"""The schema of a data set's YAML: its files, splits, features and tasks."""

from collections.abc import Collection, Iterable
from typing import Annotated, Any, Literal

import pyarrow as pa
from pydantic import Field, SerializeAsAny, model_validator

from mtl_cli.core.locations import Location
from mtl_cli.core.message_text import unknown_name_message
from mtl_cli.core.option_classes import option_validator
from mtl_cli.core.options import CountOrZero, FractionBelowOne, Options, ScenarioName
from mtl_cli.data.csv_options import Csv
from mtl_cli.data.shared_tables import check_shared_tables
from mtl_cli.features.base import Feature
from mtl_cli.tasks.base import Task

TablePath = Annotated[str, Field(min_length=1)]
TablePaths = Annotated[list[TablePath], Field(min_length=1)]
DATASET_NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"
TASK_NAME_PATTERN = r"^[A-Za-z][A-Za-z0-9_]*$"
# {pattern: what a text must be to match the pattern, for messages}
RULES_OF_PATTERNS = {
    DATASET_NAME_PATTERN: "should be letters, digits, '_', '.' and '-', and begin with "
    "a letter or a digit",
    TASK_NAME_PATTERN: "should be a letter, then letters, digits and '_'",
}
TaskName = Annotated[str, Field(pattern=TASK_NAME_PATTERN)]
# If a key with this field is null, a run's saved configuration leaves the key out.
OmittedIfNull = Field(exclude_if=lambda value: value is None)
AnyFeature = Annotated[
    SerializeAsAny[Feature], option_validator("features", Feature, key="kind")
]
AnyTask = Annotated[SerializeAsAny[Task], option_validator("tasks", Task, key="kind")]


class Group(Options):
    """Some tasks of a data set to train together, and the features to leave out.

    A feature must be left out, for instance, if it was computed from a task's label.

    Attributes:
        tasks: the tasks to train, in this order.
        drop: the features to leave out.
    """

    tasks: Annotated[list[str], Field(min_length=1)]
    drop: list[str] = Field(default_factory=list)


class Dataset(Options):
    """The keys of `conf/dataset/*.yaml`.

    Paths are relative to the folder that `mtl-train` starts in. The bundled data sets
    are found from any folder.

    Attributes:
        name: the data set's name, for folders and tables.
        train: the training rows: a file, a folder of Parquet files, a pattern such as
            `day=*/*.parquet`, a URL, or a list of these.
        valid: the validation rows, as in `train`; null holds out rows of `train` or
            `test`, see `valid_fraction` and `valid_from`.
        test: the test rows, as in `train`; null holds out rows of `train`, see
            `test_fraction`.
        format: the format of the files. `auto` takes the format from the files'
            ending: `.parquet`, `.feather` or `.arrow`, `.csv` or `.tsv`. After `.csv`
            and `.tsv`, the ending of a compressed file may follow: `.gz`, `.zst` or
            `.bz2`.
        csv: the delimiter and other rules by which text files are written.
        stream: whether training reads its rows from disk, shuffled block by block,
            instead of from memory; `auto` streams a split whose encoded rows take
            more than 2 GiB.
        valid_fraction: the fraction of a file's rows to hold out for validation; 0 for
            none. The default is 0 if `valid` names the validation rows.
        valid_from: the file whose rows are held out for validation: `train` or `test`.
        test_fraction: the fraction of the training file's rows to hold out for testing.
        split_by: the rows to hold out. `random`: random rows; `group`: all rows of
            random users or sessions; `time`: all rows of the latest times; `order`: the
            last rows of the file. With `time` and `order`, the validation rows follow
            the training rows, and the test rows follow the validation rows.
        split_column: the column of users, sessions or times that `split_by` needs; null
            for `random` and `order`.
        split_seed: the seed of the random choice of the rows to hold out. The key
            `seed` does not change this choice, so that runs with different seeds are
            scored on the same rows.
        weight_column: the column of row weights in losses and metrics; null gives each
            row the weight 1.
        group_column: the column of users or sessions, for group AUC, and for intervals
            and tests, in which the rows of a group count as dependent; null leaves
            `gauc` out. Rows with an empty cell do not count in `gauc`; in intervals and
            tests, each of them is a group of its own.
        scenario: the feature whose value is the scenario of a row: the page, the market
            or the surface on which the row was shown. Scores are then also computed for
            each scenario. null for data of one scenario.
        only_scenario: the only scenario whose rows are used, in every split; null uses
            all rows. Features learn from the training rows of all scenarios.
        features: the columns to read as features, and the kind of each feature.
        tasks: the labels to predict, and the kind of each task.
        groups: named sets of tasks to train together, each with the features to leave
            out.
        group: the name of the set in `groups` to train; null trains all tasks on all
            features.
    """

    name: Annotated[str, Field(pattern=DATASET_NAME_PATTERN)]
    train: TablePath | TablePaths
    valid: TablePath | TablePaths | None = None
    test: TablePath | TablePaths | None = None
    format: Literal["auto", "parquet", "feather", "csv", "tsv"] = "auto"
    csv: Csv = Csv()
    stream: Literal["auto"] | bool = "auto"
    valid_fraction: FractionBelowOne = 0.1
    valid_from: Literal["train", "test"] = "train"
    test_fraction: FractionBelowOne = 0.0
    split_by: Literal["random", "group", "time", "order"] = "random"
    split_column: str | None = None
    split_seed: CountOrZero = 0
    weight_column: str | None = None
    group_column: str | None = None
    scenario: Annotated[str | None, OmittedIfNull] = None
    only_scenario: Annotated[ScenarioName | None, OmittedIfNull] = None
    features: Annotated[dict[str, AnyFeature], Field(min_length=1)]
    tasks: Annotated[dict[TaskName, AnyTask], Field(min_length=1)]
    groups: dict[str, Group] = Field(default_factory=dict)
    group: str | None = None

    @property
    def is_generated(self) -> bool:
        """Whether a generator makes the rows. Each subclass of `Dataset` is one."""
        return type(self) is not Dataset

    def generate(self) -> dict[str, pa.Table]:
        """Returns {`train` or `test`: rows} if the data set generates them, else {}."""
        return {}

    @model_validator(mode="before")
    @classmethod
    def _hold_out_no_rows_if_valid_names_them(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("valid") is not None:
            return {"valid_fraction": 0.0} | values
        return values

    @model_validator(mode="after")
    def _check(self) -> "Dataset":
        for name, group in self.groups.items():
            check_names("task", group.tasks, self.tasks, f"groups.{name}.tasks")
            check_names("feature", group.drop, self.features, f"groups.{name}.drop")
        if self.group is not None:
            check_names("group", [self.group], self.groups, "group")
        self._check_splits()
        check_shared_tables(self.features, self.used_features, self.group)
        self._check_scenario()
        self._check_spaces()
        self._check_columns_of_tasks()
        return self

    def _check_splits(self) -> None:
        for split, rows, files, fraction in (
            ("valid", "validation", self.valid, self.valid_fraction),
            ("test", "test", self.test, self.test_fraction),
        ):
            if files is not None and fraction > 0:
                key = f"{split}_fraction"
                fix = f"set {key} to 0 or dataset.{split} to null"
                if self.split_column is not None:
                    fix += ", and split_by=random split_column=null for a random split"
                raise ValueError(f"{key}: dataset.{split} names the {rows} rows; {fix}")
        if self.valid_from == "test" and self.test is None:
            raise ValueError(
                "valid_from: there is no test file to take rows from; name one in "
                "dataset.test, or set valid_from to train"
            )
        if self.valid_fraction + self.test_fraction >= 1:
            raise ValueError(
                "valid_fraction: valid_fraction and test_fraction together leave no "
                "training rows; make one of them smaller"
            )
        needs_column = self.split_by in ("group", "time")
        if needs_column != (self.split_column is not None):
            fix = "needs a column" if needs_column else "uses no column; set it to null"
            raise ValueError(f"split_column: split_by={self.split_by} {fix}")

    def _check_scenario(self) -> None:
        if self.scenario is not None:
            features = self.used_features
            check_names("feature", [self.scenario], features, "scenario")
            feature = features[self.scenario]
            if not feature.has_one_id:
                raise ValueError(
                    f"scenario: {self.scenario} is a {feature.kind} feature; name a "
                    "feature with one id in each row, such as a sparse one"
                )
        elif self.only_scenario is not None:
            raise ValueError(
                "only_scenario: needs dataset.scenario; name in dataset.scenario the "
                "feature whose value is the scenario of a row"
            )

    def _check_spaces(self) -> None:
        for name, task in self.tasks.items():
            if task.space not in self.tasks:  # no space, or the name of a column
                continue
            space = self.tasks[task.space]
            if space is task or not space.BINARY_LABELS:
                raise ValueError(
                    f"tasks.{name}.space: {task.space} is not another binary task; "
                    "name one, or a column of 0 and 1"
                )

    def _check_columns_of_tasks(self) -> None:
        for name, task in self.group_tasks.items():
            for feature, column in self.feature_columns:
                if column in (task.label, task.truth_column):
                    content = "label" if column == task.label else "true probability"
                    raise ValueError(
                        f"features.{feature}: the column {column} is the {content} of "
                        f"task {name}, so the model would see the answer; remove the "
                        "feature"
                    )
            if "gauc" in (task.metrics or []) and self.group_column is None:
                raise ValueError(
                    f"tasks.{name}.metrics: gauc needs dataset.group_column; name in "
                    "dataset.group_column the column of users or sessions"
                )

    @property
    def used_features(self) -> dict[str, Feature]:
        """{name: feature}, without those that the chosen group drops."""
        dropped = [] if self.group is None else self.groups[self.group].drop
        return {name: f for name, f in self.features.items() if name not in dropped}

    @property
    def locations(self) -> dict[str, Location]:
        """{table: its files}, for the tables `train`, `valid` and `test` with files."""
        tables = {"train": self.train, "valid": self.valid, "test": self.test}
        return {name: files for name, files in tables.items() if files is not None}

    @property
    def feature_columns(self) -> list[tuple[str, str]]:
        """Pairs (feature, column), one for each column that a used feature reads."""
        return [
            (name, column)
            for name, feature in self.used_features.items()
            for column in feature.source_columns(name)
        ]

    @property
    def group_tasks(self) -> dict[str, Task]:
        """{name: task} in the order of the chosen group; all tasks without a group."""
        if self.group is None:
            return self.tasks
        return {name: self.tasks[name] for name in self.groups[self.group].tasks}

    @property
    def has_validation(self) -> bool:
        return self.valid is not None or self.valid_fraction > 0


def check_names(
    kind: str, names: Iterable[str], known_names: Collection[str], key: str
) -> None:
    """Raises a `ValueError` if `names`, the value of a key, holds an unknown name."""
    for name in names:
        if name not in known_names:
            message = unknown_name_message(kind, name, "the data set", [*known_names])
            raise ValueError(f"{key}: {message}")
