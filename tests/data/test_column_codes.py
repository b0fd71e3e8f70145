"""The numbers of raw values: whose columns have them, and that rows keep their own."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers.planted_data import declared, loaded

from mtl_cli.core.errors import DataError
from mtl_cli.data.column_codes import codes_of_columns
from mtl_cli.data.sources import no_progress

FEATURES: dict[str, Any] = {
    "user": {"kind": "sparse", "min_count": 2},
    "hour": {"kind": "dense"},
    "price": {"kind": "dense"},
    "year": {"kind": "dense"},
    "tags": {"kind": "sequence", "separator": "|", "max_length": 2},
    "both": {"kind": "cross", "columns": ["user", "shop"]},
}
TASKS = {"click": {"label": "click", "kind": "binary"}}
NUM_ROWS = 600
LAYOUTS: dict[str, dict[str, Any]] = {
    "held out of the training file": {"valid_fraction": 0.3},
    "a file of its own": {"valid": "other.FORMAT"},
    "held out of the test file": {
        "test": "other.FORMAT",
        "valid_from": "test",
        "valid_fraction": 0.5,
    },
    "one scenario": {
        "valid_fraction": 0.3,
        "scenario": "user",
        "only_scenario": "u7",
        "test": "other.FORMAT",
    },
}


def frame(seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    rows = pd.DataFrame(
        {
            "user": [f"u{i}" for i in random.integers(0, 30, NUM_ROWS)],
            "shop": random.integers(0, 200, NUM_ROWS),  # ids: the cross reads them
            "hour": random.integers(0, 24, NUM_ROWS),
            "price": random.integers(0, 2, NUM_ROWS) / 2,
            "year": random.integers(0, 100, NUM_ROWS),
            "tags": ["a|b"] * NUM_ROWS,
            "click": random.integers(0, 2, NUM_ROWS),
        }
    )
    rows.loc[random.random(NUM_ROWS) < 0.1, "user"] = None
    return rows


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_rows_of_each_split_have_the_numbers_of_their_values(
    layout: str, file_format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tables = {"rows": frame(0), "other": frame(1)}
    for name, rows in tables.items():
        if file_format == "csv":
            rows.to_csv(f"{name}.csv", index=False)
        else:
            rows.to_parquet(f"{name}.parquet")
    more = {
        key: x.replace("FORMAT", file_format) if isinstance(x, str) else x
        for key, x in LAYOUTS[layout].items()
    }
    arguments = f"rows.{file_format}", FEATURES, TASKS
    data = loaded(*arguments, **more)
    folder = tmp_path / "temporary"
    folder.mkdir()
    codes = codes_of_columns(data, declared(*arguments, **more), folder, no_progress)

    # `price` holds fractions, `year` amounts, and `tags` lists.
    assert set(codes) == {"user", "hour", "shop"}
    is_other = layout in ("a file of its own", "held out of the test file")
    table_of_split = {"train": "rows", "valid": "other" if is_other else "rows"}
    value_of_code: dict[tuple[str, int], Any] = {}
    for split, table in table_of_split.items():
        rows = tables[table].iloc[data.row_numbers[split]]
        assert len(rows) > 2
        for column, codes_of_splits in codes.items():
            values = [None if x != x else x for x in rows[column]]
            of_rows = codes_of_splits[split]
            assert len(of_rows) == len(rows)
            for value, code in zip(values, of_rows.tolist(), strict=True):
                assert (code == 0) == (value is None)
                assert value_of_code.setdefault((column, code), value) == value
    numbers = {(column, value) for (column, _), value in value_of_code.items()}
    assert len(numbers) == len(value_of_code)


def test_file_that_changed_after_it_was_loaded_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    frame(0).to_csv(path, index=False)
    arguments = path, FEATURES, TASKS
    data = loaded(*arguments, valid_fraction=0.3)
    frame(1).to_csv(path, index=False)
    dataset = declared(*arguments, valid_fraction=0.3)
    with pytest.raises(DataError, match="changed while the rows were read"):
        codes_of_columns(data, dataset, tmp_path, no_progress)
