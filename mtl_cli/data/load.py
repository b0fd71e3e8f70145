"""Loads a data set: encodes its rows, or finds them encoded in the cache."""

import hashlib
import json
import time
from dataclasses import dataclass, replace
from pathlib import Path

from mtl_cli.core.errors import DataError
from mtl_cli.core.locations import location_name
from mtl_cli.data import cache
from mtl_cli.data.check_entry import check_entry
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.encode import encode
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.data.feature_set_fitter import EarlierLearnt
from mtl_cli.data.files import find_files
from mtl_cli.data.fingerprint import hash_versions, version_of_table
from mtl_cli.data.folder_columns import folder_cells
from mtl_cli.data.report import Report
from mtl_cli.data.scenarios import Scenarios, find_scenarios
from mtl_cli.data.sources import OnProgress, no_progress
from mtl_cli.data.table import Array, StoredTable, Table, as_arrays
from mtl_cli.heads.base import Output

STREAM_ABOVE_BYTES = 2 << 30
# The encoded rows do not depend on these keys of the data set.
KEYS_WITHOUT_EFFECT = {"name", "stream", "scenario", "only_scenario"}
# In place of these keys, `cache_key` hashes the content of the files, and the tasks and
# features that are used.
KEYS_HASHED_BY_CONTENT = {"train", "valid", "test", "tasks", "features"}


@dataclass(frozen=True)
class Data:
    """An encoded data set.

    Attributes:
        row_numbers: {split: the number of each row in its table, from 0, (rows,)}. In a
            table of several files, the count goes on from one file to the next.
        label_statistics: {task: the statistics of its training labels that its loss or
            its predictions use}, see `LabelStatistics`.
        fingerprint: the hash of the rows, see `hash_rows`.
        train_hash: the hash of the training table, see `hash_table`; None if a
            generator makes the rows.
        loading: what the console says about loading, such as "encoded in 1.2 s" or, if
            the rows were in the cache, "found encoded in 0.1 s".
        scenarios: the scenarios of the rows; None if `dataset.scenario` is null.
    """

    splits: dict[str, Table]
    row_numbers: dict[str, Array]
    features: FeatureSet
    label_statistics: dict[str, dict[str, float]]
    report: Report
    fingerprint: str
    train_hash: str | None
    loading: str
    scenarios: Scenarios | None = None

    @property
    def is_streamed(self) -> bool:
        """Whether training reads its rows from disk, block by block."""
        return isinstance(self.splits["train"], StoredTable)


def load(
    dataset: Dataset,
    outputs: list[Output],
    earlier: EarlierLearnt | None = None,
    on_rows: OnProgress = no_progress,
) -> Data:
    """Reads, splits and encodes a data set, or finds it encoded in the cache.

    Vocabularies, buckets and scales are learnt from the training rows alone, without
    the rows that are held out for validation and test. Labels that no output needs are
    not read.

    `earlier` holds the values that some features have learnt in an earlier run and keep
    in this run.
    """
    start = time.perf_counter()
    versions = versions_of_splits(dataset)
    fingerprint = hash_versions(versions.values())

    def encode_into(folder: Path) -> None:
        encode(dataset, outputs, folder, earlier, on_rows)
        refuse_changed_rows(dataset, fingerprint)

    key = cache_key(dataset, outputs, fingerprint, earlier)
    entry = cache.find_or_encode(
        key, encode_into, lambda entry: check_entry(entry, dataset, outputs, earlier)
    )
    seconds = time.perf_counter() - start
    splits = {
        split: table if stays_on_disk(dataset, table) else table.mapped()
        for split, table in entry.tables().items()
    }
    features = FeatureSet(dataset.used_features, entry.manifest.features)
    action = "found encoded" if entry.was_cached else "encoded"
    data = Data(
        splits=splits,
        row_numbers={split: entry.row_numbers(split) for split in splits},
        features=features,
        label_statistics=entry.manifest.labels,
        report=entry.manifest.report,
        fingerprint=fingerprint,
        train_hash=hash_versions([versions["train"]]) if "train" in versions else None,
        loading=f"{action} in {seconds:.1f} s",
        scenarios=find_scenarios(dataset, features),
    )
    if data.scenarios is None or dataset.only_scenario is None:
        return data
    return keep_scenario(data, data.scenarios, dataset.only_scenario)


def refuse_changed_rows(dataset: Dataset, fingerprint: str) -> None:
    if hash_rows(dataset) != fingerprint:
        files = ", ".join(map(location_name, dataset.locations.values()))
        raise DataError(
            f"dataset: one of {files} changed while the rows were read; run again when "
            "the file is complete"
        )


def stays_on_disk(dataset: Dataset, table: StoredTable) -> bool:
    if dataset.stream != "auto":
        return dataset.stream
    num_bytes = sum(array.nbytes for array in as_arrays(table).values())
    return num_bytes > STREAM_ABOVE_BYTES


def keep_scenario(data: Data, scenarios: Scenarios, name: str) -> Data:
    """Returns the data with only the rows of the scenario `name`, in memory."""
    splits, row_numbers = {}, {}
    for split, table in data.splits.items():
        rows = scenarios.of(table).rows_of(name)
        if not len(rows):
            raise DataError(
                f"dataset.only_scenario: no {split} row belongs to scenario {name!r}; "
                f"the scenarios are {', '.join(scenarios.names)}"
            )
        splits[split] = table.take(rows)
        row_numbers[split] = data.row_numbers[split][rows]
    report = data.report.copy()
    remark = (
        f"only rows of scenario {name} are used; this data report describes all rows"
    )
    report["findings"] = [*report["findings"], remark]
    return replace(data, splits=splits, row_numbers=row_numbers, report=report)


def hash_rows(dataset: Dataset, left_out: str | None = None) -> str:
    """Returns a hash of the rows, or of the code and keys that generate the rows.

    The files of the split `left_out` do not enter the hash.
    """
    return hash_versions(versions_of_splits(dataset, left_out).values())


def versions_of_splits(dataset: Dataset, left_out: str | None = None) -> dict[str, str]:
    """Returns {split: a text that changes if its files change}; see `hash_rows`.

    Cells in the names of folders have a text of their own: {"folders": text}. Generated
    data has one text for all splits: {"generator": text}.
    """
    if dataset.is_generated:
        keys = dataset.model_dump_json(exclude=set(Dataset.model_fields))
        return {"generator": keys + cache.code_version([dataset])}
    tables = {
        split: find_files(f"dataset.{split}", location, dataset.format)
        for split, location in dataset.locations.items()
        if split != left_out
    }
    versions = {
        split: version_of_table(split, files) for split, files in tables.items()
    }
    cells = [folder_cells(path) for files in tables.values() for path in files.paths]
    return versions | ({"folders": json.dumps(cells)} if any(cells) else {})


def cache_key(
    dataset: Dataset,
    outputs: list[Output],
    fingerprint: str,
    earlier: EarlierLearnt | None = None,
) -> str:
    """Returns a hash of everything that the encoded rows depend on, see `load`."""
    features = dataset.used_features
    task_names: set[str | None] = set()  # the tasks whose columns the outputs read
    for o in outputs:
        task_names |= {o.label, o.space, o.sampled_task, *o.truth_tasks}
    tasks = {name: task for name, task in dataset.tasks.items() if name in task_names}
    output_keys = [
        (o.name, o.label, o.space, o.added_by_heads, o.truth_tasks, o.sampled_task)
        for o in outputs
    ]
    text = json.dumps(
        [
            dataset.model_dump(
                mode="json", exclude=KEYS_WITHOUT_EFFECT | KEYS_HASHED_BY_CONTENT
            ),
            [(name, f.model_dump()) for name, f in features.items()],
            output_keys,
            {name: task.encoding_keys() for name, task in tasks.items()},
            fingerprint,
            earlier,
            cache.code_version([dataset, *features.values(), *tasks.values()]),
        ],
        sort_keys=True,
    )
    return hashlib.sha256(text.encode()).hexdigest()
