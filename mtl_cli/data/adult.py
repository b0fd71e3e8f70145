"""Rebuilds the bundled Adult files from UCI's raw ones.

    python -m mtl_cli.data.adult FOLDER

FOLDER holds `adult.data` and `adult.test` as UCI publishes them, plain or gzipped.
"""

import gzip
import hashlib
import io
import sys
from pathlib import Path

import pandas as pd

from mtl_cli.errors import DataError
from mtl_cli.paths import root

COLUMNS = [
    "age",
    "workclass",
    "fnlwgt",
    "education",
    "education_num",
    "marital_status",
    "occupation",
    "relationship",
    "race",
    "gender",
    "capital_gain",
    "capital_loss",
    "hours_per_week",
    "native_country",
    "income",
]
SHA256 = {
    "adult.data": "5b00264637dbfec36bdeaab5676b0b309ff9eb788d63554ca0a249491c86603d",
    "adult.test": "a2a9044bc167a35b2361efbabec64e89d69ce82d9790d2980119aac5fd7e9c05",
}


def prepare(source: Path, target: Path) -> None:
    """Writes `train.parquet` and `test.parquet`.

    Args:
        source: folder of UCI's raw files.
        target: folder to write to.

    Raises:
        DataError: if a raw file is missing or not the one that UCI publishes.
    """
    target.mkdir(parents=True, exist_ok=True)
    for raw, name in (("adult.data", "train"), ("adult.test", "test")):
        content = read_raw(source, raw)
        # adult.test opens with a note and ends its labels in a full stop.
        frame = pd.read_csv(
            io.BytesIO(content),
            names=COLUMNS,
            skiprows=1 if raw == "adult.test" else 0,
            skipinitialspace=True,
            keep_default_na=False,
        )
        frame["income"] = frame["income"].str.rstrip(".")
        frame.to_parquet(target / f"{name}.parquet", compression="zstd", index=False)


def read_raw(folder: Path, name: str) -> bytes:
    """Returns a raw file's content after checking that it is the published one."""
    plain, zipped = folder / name, folder / f"{name}.gz"
    if plain.is_file():
        content = plain.read_bytes()
    elif zipped.is_file():
        content = gzip.decompress(zipped.read_bytes())
    else:
        raise DataError(f"{folder}: holds neither {name} nor {name}.gz")
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256[name]:
        raise DataError(
            f"{folder / name}: SHA-256 is {found}, expected {SHA256[name]}; "
            "get the file from UCI again"
        )
    return content


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m mtl_cli.data.adult FOLDER")
    prepare(Path(sys.argv[1]), root() / "data" / "adult")
