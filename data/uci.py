"""Rebuilds the bundled UCI data sets from the raw files that UCI publishes.

    python data/uci.py {adult,census_income} FOLDER

FOLDER holds UCI's raw files `adult.data` and `adult.test`, or `census-income.data` and
`census-income.test`. Each may also be compressed with gzip, with the ending `.gz`.
"""

import gzip
import hashlib
import io
import sys
from pathlib import Path

import pandas as pd

from mtl_cli.core.errors import DataError, MtlError

# The raw files have no header.
COLUMNS = {
    "adult": "age workclass fnlwgt education education_num marital_status occupation "
    "relationship race gender capital_gain capital_loss hours_per_week native_country "
    "income",
    "census_income": "age class_worker det_ind_code det_occ_code education "
    "wage_per_hour hs_college marital_stat major_ind_code major_occ_code race "
    "hisp_origin sex union_member unemp_reason full_or_part_emp capital_gains "
    "capital_losses stock_dividends tax_filer_stat region_prev_res state_prev_res "
    "det_hh_fam_stat det_hh_summ instance_weight mig_chg_msa mig_chg_reg mig_move_reg "
    "mig_same mig_prev_sunbelt num_emp fam_under_18 country_father country_mother "
    "country_self citizenship own_or_self vet_question vet_benefits weeks_worked year "
    "income_50k",
}
SHA256 = {
    "adult.data": "5b00264637dbfec36bdeaab5676b0b309ff9eb788d63554ca0a249491c86603d",
    "adult.test": "a2a9044bc167a35b2361efbabec64e89d69ce82d9790d2980119aac5fd7e9c05",
    "census-income.data": (
        "3676a81db7d3528f3f8b9f3c699d0f0aa28db45e6e994fa0b8ed38327539ee86"
    ),
    "census-income.test": (
        "98402b1ab879573d0a7f38a699a40258080e25e33d3401e7bf9c96d3fa0fab8c"
    ),
}


def prepare(dataset: str, source: Path, target: Path) -> None:
    """Converts UCI's raw files to `train.parquet` and `test.parquet`.

    Args:
        dataset: `adult` or `census_income`.
        source: the folder of UCI's raw files.
        target: the folder to write to.

    Raises:
        DataError: if a raw file is missing or differs from the file that UCI publishes.
    """
    target.mkdir(parents=True, exist_ok=True)
    for ending, name in (("data", "train"), ("test", "test")):
        raw = f"{dataset.replace('_', '-')}.{ending}"
        frame = pd.read_csv(
            io.BytesIO(read_raw(source, raw)),
            names=COLUMNS[dataset].split(),
            skiprows=1 if raw == "adult.test" else 0,  # its first line is a note
            skipinitialspace=True,
            # In the column hisp_origin, "NA" is a value, not a missing value.
            keep_default_na=False,
        )
        # The labels of some raw files end in a full stop.
        label = frame.columns[-1]
        frame[label] = frame[label].str.rstrip(".")
        frame.to_parquet(
            target / f"{name}.parquet",
            compression="zstd",
            compression_level=19,
            index=False,
        )


def read_raw(folder: Path, name: str) -> bytes:
    """Returns the content of a raw file, after comparing it with UCI's SHA-256."""
    plain, zipped = folder / name, folder / f"{name}.gz"
    if plain.is_file():
        content = plain.read_bytes()
    elif zipped.is_file():
        content = gzip.decompress(zipped.read_bytes())
    else:
        raise DataError(
            f"{folder} holds neither {name} nor {name}.gz; get the file from UCI"
        )
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != SHA256[name]:
        raise DataError(
            f"{folder / name}: SHA-256 is {sha256}, expected {SHA256[name]}; "
            "get the file from UCI again"
        )
    return content


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in COLUMNS:
        sys.exit("usage: python data/uci.py {adult,census_income} FOLDER")
    try:
        prepare(sys.argv[1], Path(sys.argv[2]), Path(__file__).parent / sys.argv[1])
    except MtlError as error:
        sys.exit(f"error: {error}")
