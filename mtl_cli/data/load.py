"""Finds a data set encoded, or encodes it."""

import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path

from mtl_cli.core.errors import DataError
from mtl_cli.data import cache
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.encode import encode
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.data.files import find_files, fingerprint
from mtl_cli.data.report import Report
from mtl_cli.data.table import Array, StoredTable, Table
from mtl_cli.tasks.base import Output

STREAM_ABOVE_BYTES = 2 << 30
# What the encoded labels depend on; a task's other keys are about training.
ENCODED_KEYS = {"label", "kind", "positive", "classes", "transform", "space", "truth"}
FILES = {"train", "valid", "test"}


@dataclass(frozen=True)
class Data:
    """A data set, encoded.

    Attributes:
        splits: `train`, and `valid` and `test` where the data set has them.
        row_numbers: by split, each row's number in its file, from 0.
        features: with what they learnt from the training rows.
        labels: by task, what its labels' transform learnt from them.
        report: see `report.describe`.
        fingerprint: SHA-256 of the files' contents.
        how: whether the rows were encoded or found encoded, and the seconds.
    """

    splits: dict[str, Table | StoredTable]
    row_numbers: dict[str, Array]
    features: FeatureSet
    labels: dict[str, dict[str, float]]
    report: Report
    fingerprint: str
    how: str

    @property
    def streamed(self) -> bool:
        """Whether the training rows stay on disk."""
        return isinstance(self.splits["train"], StoredTable)


def load(dataset: Dataset, outputs: list[Output]) -> Data:
    """Reads, splits and encodes a data set, or finds it encoded.

    Vocabularies, cuts and scales are learnt from the training rows alone, without
    those held out for validation.

    Args:
        dataset: where the rows are and what the columns mean.
        outputs: of the model, whose labels are needed.

    Raises:
        DataError: if a file does not hold what the configuration says.
    """
    start = time.perf_counter()
    content = fingerprint_of(dataset)

    def fill(folder: Path) -> None:
        encode(dataset, outputs, folder)
        if fingerprint_of(dataset) != content:
            files = ", ".join(dataset.paths.values())
            raise DataError(
                f"dataset: one of {files} changed while it was read; run again when "
                "it is complete"
            )

    entry = cache.encoded(key(dataset, outputs, content), fill)
    seconds = time.perf_counter() - start
    splits: dict[str, Table | StoredTable] = {}
    for split, stored in entry.tables().items():
        splits[split] = stored if streamed(dataset, stored) else stored.table()
    return Data(
        splits,
        {split: entry.array(split, "row_numbers") for split in splits},
        FeatureSet(dataset.used_features, entry.record["features"]),
        entry.record["labels"],
        entry.record["report"],
        content,
        f"{'found encoded' if entry.found else 'encoded'} in {seconds:.1f} s",
    )


def fingerprint_of(dataset: Dataset) -> str:
    """Returns a hash of the rows: of the files', or of what they are generated from."""
    if type(dataset) is not Dataset:
        about = dataset.model_dump_json(exclude=set(Dataset.model_fields))
        return hashlib.sha256((about + cache.code_version()).encode()).hexdigest()
    return fingerprint(
        {
            s: find_files(f"dataset.{s}", p, dataset.format)
            for s, p in dataset.paths.items()
        }
    )


def key(dataset: Dataset, outputs: list[Output], content: str) -> str:
    """Returns a hash of all that the encoded form depends on."""
    names = dict.fromkeys([o.label for o in outputs] + [str(o.given) for o in outputs])
    text = json.dumps(
        [
            dataset.model_dump(
                mode="json",
                exclude=FILES | {"name", "stream", "tasks", "features"},
            ),
            [(name, f.model_dump()) for name, f in dataset.used_features.items()],
            [(o.name, o.label, o.given, o.added) for o in outputs],
            {
                name: dataset.tasks[name].model_dump(include=ENCODED_KEYS)
                for name in names
                if name in dataset.tasks
            },
            content,
            cache.code_version(),
        ],
        sort_keys=True,
    )
    return hashlib.sha256(text.encode()).hexdigest()


def streamed(dataset: Dataset, table: StoredTable) -> bool:
    """Whether the rows of a split stay on disk."""
    if dataset.stream == "auto":
        sizes = [array.path.stat().st_size for array in table.arrays.values()]
        return sum(sizes) > STREAM_ABOVE_BYTES
    return dataset.stream
