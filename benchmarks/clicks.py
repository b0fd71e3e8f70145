"""Writes a table of random clicks of any size to Parquet, in little memory.

    python benchmarks/clicks.py FOLDER --million 5

The command writes `FOLDER/clicks_5m/train.parquet`, a `test.parquet` with a twentieth
of the rows, and `FOLDER/conf/dataset/clicks_5m.yaml`. To train on the rows:

    mtl-train --config-dir FOLDER/conf dataset=clicks_5m

The 20 columns are a user, a time, 8 sparse features with 2 to 1,000,000 ids, 8 dense
features, and the labels click and buy. Most rows have one of a few frequent ids. The
probability of a label depends on all features.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet

ROWS_PER_BATCH = 250_000  # in memory at the same time
USERS = 2_000_000
VOCABULARY_SIZES = [2, 10, 100, 1_000, 10_000, 100_000, 300_000, 1_000_000]
SPARSE = [f"sparse_{i}" for i in range(len(VOCABULARY_SIZES))]
DENSE = [f"dense_{i}" for i in range(8)]

YAML = """\
# Made-up clicks, {rows:,} rows: benchmarks/clicks.py.
name: {name}
train: {folder}/train.parquet
valid: null
test: {folder}/test.parquet
valid_fraction: 0.0
split_seed: 0
features:
{features}
tasks:
  click: {{label: click, kind: binary}}
  buy: {{label: buy, kind: binary}}
"""


def main() -> None:
    """Writes the files."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--million", type=float, required=True, help="training rows")
    options = parser.parse_args()
    write(options.folder.resolve(), options.million)


def dataset_name(million: float) -> str:
    """Returns the name of a data set: `clicks_5m` for 5 million rows."""
    return f"clicks_{million:g}m".replace(".", "_")


def write(folder: Path, million: float) -> None:
    """Writes training and test rows, and the data set's YAML."""
    rows = round(million * 1_000_000)
    name = dataset_name(million)
    (folder / name).mkdir(parents=True, exist_ok=True)
    for seed, (split, count) in enumerate({"train": rows, "test": rows // 20}.items()):
        path = folder / name / f"{split}.parquet"
        with pa.parquet.ParquetWriter(path, SCHEMA) as file:
            for batch in batches(count, seed):
                file.write_table(batch)
    features = [f"  {x}: {{kind: sparse}}" for x in SPARSE]
    features += [f"  {x}: {{kind: dense, transform: standard}}" for x in DENSE]
    yaml = folder / "conf" / "dataset" / f"{name}.yaml"
    yaml.parent.mkdir(parents=True, exist_ok=True)
    text = YAML.format(
        rows=rows, name=name, folder=folder / name, features="\n".join(features)
    )
    yaml.write_text(text)


SCHEMA = pa.schema(
    [("user", pa.int64()), ("time", pa.timestamp("s"))]
    + [(name, pa.int64()) for name in SPARSE]
    + [(name, pa.float32()) for name in DENSE]
    + [("click", pa.int8()), ("buy", pa.int8())]
)


def batches(rows: int, seed: int) -> Iterator[pa.Table]:
    """Yields tables of up to `ROWS_PER_BATCH` rows, in the order of time."""
    truth = np.random.default_rng(7)  # training and test rows have the same effects
    effects = [truth.normal(size=min(n, 10_000)) for n in VOCABULARY_SIZES]
    slopes = truth.normal(size=len(DENSE))
    rng = np.random.default_rng([11, seed])
    for start in range(0, rows, ROWS_PER_BATCH):
        n = min(ROWS_PER_BATCH, rows - start)
        ids = [skewed(rng, size, n) for size in VOCABULARY_SIZES]
        dense = rng.normal(size=(len(DENSE), n))
        sums = sum(e[x % len(e)] for e, x in zip(effects, ids, strict=True))
        logit = (sums + slopes @ dense) / np.sqrt(len(SPARSE) + len(DENSE))
        click = rng.random(n) < sigmoid(1.5 * logit - 1.5)
        buy = click & (rng.random(n) < sigmoid(logit - 1))
        seconds = np.datetime64("2026-01-01", "s") + np.arange(start, start + n)
        columns = [skewed(rng, USERS, n), seconds, *ids, *dense.astype("float32")]
        arrays = [*columns, click.astype("int8"), buy.astype("int8")]
        yield pa.table(dict(zip(SCHEMA.names, arrays, strict=True)), schema=SCHEMA)


def skewed(rng: np.random.Generator, size: int, rows: int) -> np.ndarray:
    """Draws ids. Low ids are frequent: half of the rows have the lowest eighth."""
    return (size * rng.random(rows) ** 3).astype("int64")


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Converts logits to probabilities."""
    return 1 / (1 + np.exp(-x))


if __name__ == "__main__":
    main()
