"""Loads a data set: encodes its rows, or finds them encoded in the cache."""

import hashlib
import json
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pydantic import FiniteFloat, TypeAdapter

from mtl_cli.columns.labels import LabelSummary
from mtl_cli.core.errors import DataError
from mtl_cli.data import cache
from mtl_cli.data.cache_entry import Entry
from mtl_cli.data.continued_features import EarlierLearnt
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.encode import encode
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.data.files import find_files
from mtl_cli.data.fingerprint import fingerprint as fingerprint_of_files
from mtl_cli.data.report import Report
from mtl_cli.data.row_progress import OnRows, no_progress
from mtl_cli.data.scenarios import Scenarios, scenarios_of
from mtl_cli.data.table import Array, StoredTable, Table
from mtl_cli.heads.base import Output

STREAM_ABOVE_BYTES = 2 << 30
# Keys without effect on the encoded rows, and keys that `cache_key` hashes apart.
KEYS_NOT_HASHED = {"train", "valid", "test", "name", "stream", "tasks", "features"}
KEYS_NOT_HASHED |= {"scenario", "only_scenario"}


@dataclass(frozen=True)
class Data:
    """An encoded data set.

    Attributes:
        splits: the rows of `train`, and of `valid` and `test` if the data set has them.
        row_numbers: {split: the number of each row in its file, (rows,), from 0}.
        features: the features, fitted to the training rows.
        labels: {task: statistics of its training labels}, see `LabelStatistics`.
        report: the data report.
        fingerprint: the hash of the rows, see `fingerprint_of`.
        loading: a text for the console: whether the rows were encoded or found encoded,
            and the seconds that this took.
        scenarios: the scenarios of the rows; None if no feature tells them.
    """

    splits: dict[str, Table | StoredTable]
    row_numbers: dict[str, Array]
    features: FeatureSet
    labels: dict[str, dict[str, float]]
    report: Report
    fingerprint: str
    loading: str
    scenarios: Scenarios | None = None

    @property
    def streamed(self) -> bool:
        """Whether the training rows stay on disk."""
        return isinstance(self.splits["train"], StoredTable)


def load(
    dataset: Dataset,
    outputs: list[Output],
    earlier: EarlierLearnt | None = None,
    on_rows: OnRows = no_progress,
) -> Data:
    """Reads, splits and encodes a data set, or finds it encoded in the cache.

    Vocabularies, buckets and scales are learnt from the training rows alone, without
    the rows that are held out for validation and test.

    Args:
        dataset: the files, and the meaning of their columns.
        outputs: the outputs of the model. Tasks of the data set that no output needs
            are not read.
        earlier: what features keep from an earlier run; None without such a run.
        on_rows: receives the numbers of finished and of all rows while they are
            encoded, see `encode`.

    Raises:
        DataError: if a file does not fit the configuration.
    """
    start = time.perf_counter()
    fingerprint = fingerprint_of(dataset)

    def encode_into(folder: Path) -> None:
        encode(dataset, outputs, folder, earlier, on_rows)
        if fingerprint_of(dataset) != fingerprint:
            files = ", ".join(dataset.paths.values())
            raise DataError(
                f"dataset: one of {files} changed while it was read; run again when "
                "it is complete"
            )

    key = cache_key(dataset, outputs, fingerprint, earlier)
    entry = cache.find_or_encode(
        key, encode_into, lambda entry: check_entry(entry, dataset, outputs)
    )
    seconds = time.perf_counter() - start
    splits: dict[str, Table | StoredTable] = {}
    for split, stored in entry.tables().items():
        splits[split] = stored if is_streamed(dataset, stored) else stored.mapped()
    features = FeatureSet(dataset.used_features, entry.manifest["features"])
    data = Data(
        splits,
        {split: entry.array(split, "row_numbers") for split in splits},
        features,
        entry.manifest["labels"],
        entry.manifest["report"],
        fingerprint,
        f"{'found encoded' if entry.was_cached else 'encoded'} in {seconds:.1f} s",
        scenarios_of(dataset, features),
    )
    if data.scenarios is None or dataset.only_scenario is None:
        return data
    return of_one_scenario(data, data.scenarios, dataset.only_scenario)


def of_one_scenario(data: Data, scenarios: Scenarios, name: str) -> Data:
    """Returns the rows of one scenario in each split, in memory.

    Raises:
        DataError: if a split has no row of the scenario.
    """
    splits: dict[str, Table | StoredTable] = {}
    row_numbers = {}
    for split, table in data.splits.items():
        rows = np.flatnonzero(scenarios.names_of(table) == name)
        if not len(rows):
            raise DataError(
                f"dataset.only_scenario: no {split} row is of scenario {name!r}; the "
                f"scenarios are {', '.join(scenarios.names)}"
            )
        mapped = table.mapped() if isinstance(table, StoredTable) else table
        splits[split] = mapped.take(rows)
        row_numbers[split] = data.row_numbers[split][rows]
    report = data.report.copy()
    remark = f"only rows of scenario {name} are used; the data report is of all rows"
    report["findings"] = [*report["findings"], remark]
    return replace(data, splits=splits, row_numbers=row_numbers, report=report)


def check_entry(entry: Entry, dataset: Dataset, outputs: list[Output]) -> None:
    """Checks that an entry of the cache fits the features and the outputs.

    Others may write to the cache, and an array of another type or width, or a report
    that lacks a number, would end the run much later.

    Raises:
        ValueError: if an array is missing, or has another type or width; or if the
            data report or the statistics of labels are incomplete.
        DataError: if a feature cannot use what it should have learnt.
    """
    check_records(entry, dataset, outputs)
    features = FeatureSet(dataset.used_features, entry.manifest["features"])
    expected = types_and_widths(features.encode(features.examples(1)))
    tables = entry.tables()
    if "train" not in tables:
        raise ValueError("there are no training rows")
    for split, table in tables.items():
        if types_and_widths(table.read(0, 1).features) != expected:
            raise ValueError(f"the arrays of {split} are not those of the features")


def check_records(entry: Entry, dataset: Dataset, outputs: list[Output]) -> None:
    """Checks the form of an entry's data report and of its statistics of labels.

    Raises:
        ValueError: if a number is missing, or a value is not of the expected type.
    """
    report = TypeAdapter(Report).validate_python(entry.manifest["report"], strict=True)
    statistics = TypeAdapter(dict[str, dict[str, FiniteFloat]]).validate_python(
        entry.manifest["labels"], strict=True
    )
    one_label = LabelSummary(rows=1, lowest=0.0, highest=0.0)
    keys = {o.name: set(o.task.label_statistics(one_label)) for o in outputs}
    if {name: set(numbers) for name, numbers in statistics.items()} != {
        name: names for name, names in keys.items() if names
    }:
        raise ValueError("the statistics of labels are not those of the outputs")
    if set(report["tasks"]) != set(keys) or (
        set(report["features"]) != set(dataset.used_features)
    ):
        raise ValueError("the data report is not of these outputs and features")


def types_and_widths(arrays: dict[str, Array]) -> dict[str, tuple[str, int]]:
    """Returns {name: the type of an array's numbers, and the length of its rows}."""
    return {name: (x.dtype.str, x.shape[1]) for name, x in arrays.items()}


def fingerprint_of(dataset: Dataset) -> str:
    """Returns a hash of the rows: of their files, or of the generator and its keys.

    Raises:
        DataError: if a file cannot be read.
    """
    if type(dataset) is not Dataset:
        keys = dataset.model_dump_json(exclude=set(Dataset.model_fields))
        text = keys + cache.code_version([dataset])
        return hashlib.sha256(text.encode()).hexdigest()
    return fingerprint_of_files(
        {
            split: find_files(f"dataset.{split}", path, dataset.format)
            for split, path in dataset.paths.items()
        }
    )


def cache_key(
    dataset: Dataset,
    outputs: list[Output],
    fingerprint: str,
    earlier: EarlierLearnt | None = None,
) -> str:
    """Returns a hash of everything that the encoded rows depend on.

    Args:
        dataset: the data set.
        outputs: the outputs of the model.
        fingerprint: the hash of the rows, see `fingerprint_of`.
        earlier: what features keep from an earlier run; None without such a run.
    """
    features = dataset.used_features
    names = {name for output in outputs for name in (output.label, output.space)}
    tasks = {name: task for name, task in dataset.tasks.items() if name in names}
    text = json.dumps(
        [
            dataset.model_dump(mode="json", exclude=KEYS_NOT_HASHED),
            [(name, f.model_dump()) for name, f in features.items()],
            [(o.name, o.label, o.space, o.added_by_heads) for o in outputs],
            {name: task.encoding_keys() for name, task in tasks.items()},
            fingerprint,
            earlier,
            cache.code_version([dataset, *features.values(), *tasks.values()]),
        ],
        sort_keys=True,
    )
    return hashlib.sha256(text.encode()).hexdigest()


def is_streamed(dataset: Dataset, table: StoredTable) -> bool:
    """Whether training reads the rows of a split from disk, block by block."""
    if dataset.stream == "auto":
        size = sum(array.path.stat().st_size for array in table.arrays.values())
        return size > STREAM_ABOVE_BYTES
    return dataset.stream
