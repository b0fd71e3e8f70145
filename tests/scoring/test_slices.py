"""Slices of a column, and the test of the weakest one."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from mtl_cli.evaluation.slices import Slices, score_slices, slices_by

from mtl_cli.core.errors import DataError
from mtl_cli.heads.base import Output
from mtl_cli.scoring.scored_rows import ScoredRows
from mtl_cli.tasks.binary import Binary

OUTPUT = Output("click", "click", Binary(label="click"))


def counts(cells: Any, are_ids: bool = False) -> dict[str, int]:
    """The number of rows of each slice of a column."""
    column = cells if isinstance(cells, pa.ChunkedArray) else pa.chunked_array([cells])
    slices = slices_by("c", column, are_ids)
    numbers = np.bincount(slices.codes, minlength=len(slices.names)).tolist()
    return dict(zip(slices.names, numbers, strict=True))


def test_rare_values_are_merged_and_empty_cells_are_a_slice() -> None:
    cells = ["b"] * 150 + ["a"] * 100 + ["c"] * 99 + ["d"] * 2 + [None] * 120
    assert counts(cells) == {"(empty)": 120, "a": 100, "b": 150, "(other)": 101}


def test_only_the_most_frequent_values_are_slices() -> None:
    cells = [f"v{i:02}" for i in range(30) for _ in range(100 + i)]
    found = counts(cells)
    assert list(found) == [*(f"v{i}" for i in range(11, 30)), "(other)"]
    assert sum(found.values()) == len(cells)


def test_many_numbers_become_ranges_of_equal_size() -> None:
    numbers = np.arange(1000)
    for cells in (numbers, [str(x) for x in numbers]):  # CSV gives text
        assert counts(cells) == {
            "up to 199": 200,
            "199 to 399": 200,
            "399 to 599": 200,
            "599 to 799": 200,
            "above 799": 200,
        }
    assert list(counts(numbers, are_ids=True)) == ["(other)"]


def test_ranges_of_times_and_of_infinite_numbers_have_names_of_their_own() -> None:
    times = 1_700_000_000 + np.arange(1000)
    assert len(counts(times)) == 5
    assert "1700000199 to 1700000399" in counts(times)
    numbers = np.concatenate(
        [np.full(300, -np.inf), np.arange(400), np.full(300, np.inf)]
    )
    assert list(counts(numbers)) == [
        "up to -inf",
        "-inf to 99",
        "99 to 299",
        "299 to inf",
    ]
    assert sum(counts(numbers).values()) == 1000


def test_few_numbers_and_booleans_are_values() -> None:
    assert counts([3, 20, 100] * 100) == {"3": 100, "20": 100, "100": 100}
    assert counts([True, False, None] * 100) == {
        "False": 100,
        "True": 100,
        "(empty)": 100,
    }


def test_mostly_equal_numbers_have_fewer_ranges() -> None:
    cells = [0.0] * 900 + [float(i) for i in range(1, 101)] + [None] * 100
    assert counts(cells) == {"up to 0": 900, "above 0": 100, "(empty)": 100}


def test_columns_of_several_chunks_and_of_categories() -> None:
    chunks = pa.chunked_array([["a"] * 100, ["b"] * 100 + ["a"] * 50])
    assert counts(chunks) == {"a": 150, "b": 100}
    assert counts(pa.chunked_array([pa.array(["x"] * 200)])) == {"x": 200}


def test_lists_have_no_slices() -> None:
    with pytest.raises(DataError, match="--by: column 'c' holds list"):
        counts([["a"], ["b"]])


def scored(codes: Any, good: Any, seed: int) -> ScoredRows:
    """Rows whose prediction tells the label only where `good`."""
    random = np.random.default_rng(seed)
    label = (random.random(len(codes)) < 0.4).astype("float64")
    prediction = 1 / (1 + np.exp(-random.normal(size=len(codes)) - 2 * label * good))
    weight = np.ones(len(codes))
    return ScoredRows(OUTPUT, label, prediction, weight, None, np.arange(len(codes)))


def test_planted_weak_slice_is_found() -> None:
    codes = np.repeat(np.arange(5), 300)
    slices = Slices("city", [f"c{i}" for i in range(5)], codes)
    _, weakest = score_slices([scored(codes, codes != 3, seed=0)], [slices])
    assert weakest["click"]["slice"] == "c3"
    assert weakest["click"]["p_corrected"] < 1e-6
    assert weakest["click"]["rest"] > 0.85


def test_equal_slices_are_called_weaker_in_at_most_5_percent() -> None:
    codes = np.repeat(np.arange(8), 150)
    slices = Slices("city", [f"c{i}" for i in range(8)], codes)
    called = 0
    for seed in range(100):
        _, weakest = score_slices([scored(codes, True, seed)], [slices])
        called += weakest["click"]["p_corrected"] < 0.05
    assert called <= 11  # at most 5 of 100 on average; 11 or more by chance in 1 %


def test_merged_and_tiny_slices_are_not_tested() -> None:
    codes = np.repeat([0, 1, 2], [400, 30, 300])
    slices = Slices("city", ["big", "tiny", "(other)"], codes)
    records, _ = score_slices([scored(codes, True, seed=1)], [slices])
    assert [record["p"] is not None for record in records] == [True, False, False]
