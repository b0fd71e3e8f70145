"""Slices of a column, and the test of the weakest one."""

from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from helpers.planted_data import declared, fitted_features
from scipy.stats import norm, t

from mtl_cli.core.errors import DataError
from mtl_cli.heads.base import Output
from mtl_cli.scoring.scored_rows import ScoredRows
from mtl_cli.scoring.slice_scores import score_slices
from mtl_cli.scoring.slice_tests import compare_with_rest, degrees_of_freedom
from mtl_cli.scoring.slices import Slices, slices_by, slices_by_features
from mtl_cli.scoring.value_codes import MAX_DISTINCT_NUMBERS, numbers_from_text
from mtl_cli.statistics import sampling_error
from mtl_cli.statistics.sampling_error import on_symmetric_scale
from mtl_cli.tasks.binary import Binary
from mtl_cli.tasks.multiclass import Multiclass
from mtl_cli.tasks.wlr import WLR

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
    assert list(found) == [*(f"v{i:02}" for i in range(6, 30)), "(other)"]
    assert sum(found.values()) == len(cells)


def test_value_that_is_called_other_joins_the_rare_values() -> None:
    cells = ["(other)"] * 120 + ["b"] * 150 + ["rare"] * 10
    assert counts(cells) == {"(other)": 130, "b": 150}


def test_twenty_five_values_all_have_a_slice() -> None:
    names = [f"v{i:02}" for i in range(25)]
    cells = [name for name in names for _ in range(100)]
    assert counts(cells) == dict.fromkeys(names, 100)
    assert list(counts(cells[1:])) == [*names[1:], "(other)"]
    assert list(counts([*cells, "v25"])) == [*names[:24], "(other)"]


def test_many_numbers_become_ranges_of_equal_size() -> None:
    numbers = np.arange(1000)
    assert counts(numbers) == {
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


@pytest.mark.parametrize("form", ["time", "time of a zone", "text", "text of a zone"])
def test_many_times_become_ranges_of_equal_size(form: str) -> None:
    zone = "+00:00" if "zone" in form else ""
    start = np.datetime64("2026-05-01T06:00:00", "us")
    times = pa.array(start + np.arange(1000) * np.timedelta64(1, "m"))
    if zone:
        times = times.cast(pa.timestamp("us", "UTC"))
    if "text" in form:
        times = pa.array([str(time) for time in times.to_pylist()] + [None] * 100)
    assert counts(times) == {
        f"up to 2026-05-01 09:19:00{zone}": 200,
        f"2026-05-01 09:19:00{zone} to 2026-05-01 12:39:00{zone}": 200,
        f"2026-05-01 12:39:00{zone} to 2026-05-01 15:59:00{zone}": 200,
        f"2026-05-01 15:59:00{zone} to 2026-05-01 19:19:00{zone}": 200,
        f"above 2026-05-01 19:19:00{zone}": 200,
    } | ({"(empty)": 100} if "text" in form else {})


def test_dates_and_times_of_day_become_ranges_and_few_of_them_are_values() -> None:
    dates = pa.array(np.datetime64("2026-05-01", "D") + np.arange(1000) // 10)
    assert counts(dates)["2026-05-20 to 2026-06-09"] == 200
    assert counts(pa.array(range(1000), pa.time32("s")))["above 00:13:19"] == 200
    days = pa.array(np.datetime64("2026-05-01", "D") + np.arange(1000) // 100)
    assert list(counts(days))[:2] == ["2026-05-01", "2026-05-02"]


def test_few_numbers_and_booleans_are_values() -> None:
    assert counts([3, 20, 100] * 100) == {"3": 100, "20": 100, "100": 100}
    assert list(counts([None, 20, 3, 100] * 100)) == ["3", "20", "100", "(empty)"]
    assert list(counts([*range(MAX_DISTINCT_NUMBERS)] * 100))[:3] == ["0", "1", "2"]
    assert counts([True, False, None] * 100) == {
        "False": 100,
        "True": 100,
        "(empty)": 100,
    }


def test_ranges_of_decimals_are_those_of_the_same_floats() -> None:
    floats = pa.array([cents / 100 for cents in range(1000)])
    # 0.35 of this type would be cast to 0.35000000000000003.
    assert counts(floats.cast(pa.decimal128(38, 9))) == counts(floats)


def test_decimals_are_sorted_by_size() -> None:
    cells = pa.array([Decimal("10.50"), Decimal("9.50")] * 100)
    assert list(counts(cells)) == ["9.50", "10.50"]


def test_zero_and_minus_zero_are_one_slice() -> None:
    assert counts(pa.array([-0.0, 0.0, 1.5] * 100)) == {"0": 200, "1.5": 100}


def test_empty_cell_does_not_rename_slices_of_whole_numbers() -> None:
    whole = [5] * 100 + [12] * 100
    assert counts(pa.array(whole)) == {"5": 100, "12": 100}
    with_empty = pa.array([float(x) for x in whole] + [None])
    assert counts(with_empty) == {"5": 100, "12": 100, "(other)": 1}


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
    worst, *others = weakest["click"]
    assert worst["slice"] == "c3" and worst["surely_weaker"]
    assert worst["p_corrected"] < 1e-6
    assert worst["rest"] > 0.85
    # The other slices are surely better than the rest, which holds the weak slice.
    assert [record["surely_weaker"] for record in others] == [False] * 4
    differences = [record["difference"] for record in others]
    assert differences == sorted(differences)  # the weakest first


def test_slices_of_classes_have_no_mean_prediction() -> None:
    task = Multiclass(label="click", classes=["a", "b", "c"])
    label = np.arange(300) % 3.0
    prediction = np.tile([0.2, 0.3, 0.5], (300, 1))
    rows = replace(
        scored(np.zeros(300), True, seed=0),
        output=Output("click", "click", task),
        label=label,
        prediction=prediction,
    )
    slices = Slices("city", ["a", "b"], np.repeat([0, 1], 150))
    (record, _), _ = score_slices([rows], [slices])
    assert [record[key] for key in ("predicted", "actual", "ratio")] == [None] * 3
    assert record["error"] > 0


def test_slice_is_not_tested_if_its_metric_is_undefined_on_the_other_rows() -> None:
    rows = scored(np.zeros(400), True, seed=0)
    inside = replace(rows, group=np.arange(400) % 20)
    outside = replace(inside, label=np.zeros(400))  # no group has both classes
    error = inside.sampling_error("gauc")
    assert compare_with_rest(0.9, error, inside, "gauc", None, np.inf) is not None
    assert compare_with_rest(0.9, error, outside, "gauc", None, np.inf) is None


@pytest.mark.slow
def test_equal_slices_of_few_positives_are_called_different_in_5_percent() -> None:
    """AUCs near 1 have errors that are symmetric only on the scale of logits."""
    rest = scored(np.zeros(4000), True, seed=0)
    auc_of_rest = rest.score(["auc"])["auc"]
    random = np.random.default_rng(1)
    wrong, repetitions = 0, 300
    for seed in range(1, repetitions + 1):
        small = scored(np.zeros(60), True, seed=seed)
        few = small.take((small.label == 0) | (random.random(60) < 0.5))
        value, error = few.score(["auc"])["auc"], few.sampling_error("auc")
        if error is not None and value is not None:
            test = compare_with_rest(value, error, rest, "auc", None, np.inf)
            assert test is not None
            assert test.difference == pytest.approx(value - auc_of_rest)
            wrong += test.p < 0.05
    # Three standard errors of a share of 0.05 in 300 are 0.038.
    assert wrong / repetitions < 0.088


def test_surely_weaker_slices_come_before_smaller_ones_that_look_weaker() -> None:
    codes = np.repeat([0, 1, 2], [1500, 70, 1500])
    slices = Slices("city", ["large", "small", "good"], codes)
    rows = scored(codes, np.repeat([0.75, 0.5, 1.0], [1500, 70, 1500]), seed=3)
    _, weakest = score_slices([rows], [slices])
    first, second, _ = weakest["click"]
    assert (first["slice"], first["surely_weaker"]) == ("large", True)
    assert (second["slice"], second["surely_weaker"]) == ("small", False)
    assert second["difference"] < first["difference"] < 0


@pytest.mark.slow
def test_equal_slices_are_called_weaker_in_at_most_5_percent() -> None:
    codes = np.repeat(np.arange(8), 150)
    slices = Slices("city", [f"c{i}" for i in range(8)], codes)
    called = 0
    for seed in range(100):
        _, weakest = score_slices([scored(codes, True, seed)], [slices])
        called += weakest["click"][0]["surely_weaker"]
    assert called <= 11  # at most 5 of 100 on average; 11 or more by chance in 1 %


@pytest.mark.slow
def test_small_slices_are_tested_without_the_bootstrap_of_all_other_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    random = np.random.default_rng(0)
    codes = np.repeat([0, 1, 2], [300, 400, 3300])
    spread = np.array([2.0, 0.5, 1.0])[codes]  # the rows of a slice vary in their way
    prediction = np.exp(random.normal(size=4000))
    label = prediction * np.exp(spread * random.normal(size=4000))
    output = Output("spent", "spent", WLR(label="spent"))
    rows = ScoredRows(output, label, prediction, np.ones(4000), None, np.arange(4000))
    slices = Slices("city", ["wide", "narrow", "usual"], codes)
    # 200 samples give an error to within 5 %, too rough for the comparison below.
    monkeypatch.setattr(sampling_error, "RESAMPLES", 1000)
    monkeypatch.setattr(sampling_error, "MIN_DEFINED", 900)
    sizes = []
    estimate = ScoredRows.sampling_error
    monkeypatch.setattr(
        ScoredRows,
        "sampling_error",
        lambda self, name: (sizes.append(len(self.label)), estimate(self, name))[1],
    )
    records, _ = score_slices([rows], [slices])
    assert sorted(sizes) == [300, 400, 700, 3300, 4000]
    for index, record in enumerate(records):
        inside, others = rows.take(codes == index), rows.take(codes != index)
        error = estimate(inside, "gini")
        degrees = degrees_of_freedom(inside, others)
        test = compare_with_rest(record["value"], error, others, "gini", None, degrees)
        assert test is not None and record["rest"] == test.rest
        # Of the same difference, the standard errors.
        found, expected = (norm.isf(p / 2) for p in (record["p"], test.p))
        assert found == pytest.approx(expected, rel=0.05)


def test_metrics_of_slices_sort_no_rows_again(monkeypatch: pytest.MonkeyPatch) -> None:
    codes = np.arange(1000) % 2
    # `sort_rows` calls this function only if the rows are not sorted already.
    monkeypatch.setattr("mtl_cli.metrics.sorted_rows.can_pack", pytest.fail)
    slices = Slices("city", ["Rome", "Oslo"], codes)
    records, _ = score_slices([scored(codes, True, seed=0)], [slices])
    assert all(record["rank"] for record in records)


def test_sampling_error_is_estimated_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = scored(np.zeros(100), True, seed=0)
    error = rows.sampling_error("log_loss")
    monkeypatch.setattr("mtl_cli.scoring.scored_rows.sampling_error", pytest.fail)
    assert rows.sampling_error("log_loss") is error is not None


def test_merged_tiny_and_unlabelled_slices_are_not_tested() -> None:
    codes = np.repeat([0, 1, 2], [400, 30, 300])
    slices = Slices("city", ["big", "tiny", "(other)", "unlabelled"], codes)
    records, _ = score_slices([scored(codes, True, seed=1)], [slices])
    is_tested = [record["p"] is not None for record in records]
    assert is_tested == [True, False, False, False]


def test_slice_of_few_amounts_above_0_is_tested_by_these_rows() -> None:
    random = np.random.default_rng(0)
    codes = np.repeat([0, 1, 2], [400, 400, 3200])
    num_above_0 = 19, 20, 200
    in_slice = np.concatenate([np.arange(count) for count in np.bincount(codes)])
    is_above_0 = in_slice < np.array(num_above_0)[codes]
    prediction = random.lognormal(size=4000)
    label = np.where(is_above_0, random.lognormal(size=4000), 0.0)
    output = Output("spent", "spent", WLR(label="spent"))
    rows = ScoredRows(output, label, prediction, np.ones(4000), None, np.arange(4000))
    records, _ = score_slices(
        [rows], [Slices("city", ["few", "enough", "many"], codes)]
    )
    assert [record["p"] is not None for record in records] == [False, True, True]
    error, other_error = (
        rows.take(mask).sampling_error("gini") for mask in (codes == 1, codes != 1)
    )
    assert error is not None and other_error is not None
    deviation = np.hypot(error.standard_error, other_error.standard_error)
    difference = records[1]["difference"]
    assert difference is not None
    p = 2 * t.sf(abs(difference) / deviation, 20)
    assert records[1]["p"] == pytest.approx(p, rel=0.05)


@pytest.mark.parametrize("metric", ["gauc", "auc", "log_loss"])
def test_slice_is_tested_with_the_number_of_its_groups(metric: str) -> None:
    task = Binary(label="click", metrics=[metric])
    random = np.random.default_rng(0)
    label, group = np.arange(1040) % 2.0, np.repeat(np.arange(52), 20)
    if metric == "gauc":
        label[group == 0] = 0  # A group of one class does not count.
    prediction = random.uniform(0.1, 0.9, 1040)
    columns = label, prediction, np.ones(1040), group, np.arange(1040)
    rows = ScoredRows(Output("click", "click", task), *columns)
    (record, _), _ = score_slices(
        [rows], [Slices("city", ["a", "b"], (group >= 22).astype("int64"))]
    )
    inside, others = rows.take(group < 22), rows.take(group >= 22)
    errors = [x.sampling_error(metric) for x in (inside, others)]
    values = [x.score([metric])[metric] for x in (inside, others)]
    scaled = [on_symmetric_scale(*each) for each in zip(values, errors, strict=True)]
    difference = scaled[0][0] - scaled[1][0]
    degrees = 20 if metric == "gauc" else 21
    p = 2 * t.sf(abs(difference) / np.hypot(scaled[0][1], scaled[1][1]), degrees)
    assert record["p"] == pytest.approx(p, rel=1e-6)


def test_rows_of_a_slice_of_one_group_are_its_sample() -> None:
    rows = scored(np.zeros(400), True, seed=0)
    grouped = replace(rows, group=np.repeat([0, 1], 200))
    inside = grouped.take(grouped.group == 0)
    error = inside.sampling_error("log_loss")
    assert error == replace(inside, group=None).sampling_error("log_loss") is not None
    assert grouped.sampling_error("log_loss") is None  # two groups are too few


@pytest.mark.parametrize(
    ("rows_of_third_class", "is_tested"), [(0, False), (3, False), (20, True)]
)
def test_slice_of_other_classes_is_not_tested(
    rows_of_third_class: int, is_tested: bool
) -> None:
    random = np.random.default_rng(0)
    codes = np.arange(1000) % 2
    label = random.integers(0, 3, 1000)
    in_slice = np.flatnonzero((codes == 1) & (label == 2))
    label[in_slice[rows_of_third_class:]] = 1
    prediction = random.dirichlet(np.ones(3), 1000)
    task = Multiclass(label="y", classes=["a", "b", "c"])
    output = Output("y", "y", task)
    rows = ScoredRows(output, label, prediction, np.ones(1000), None, np.arange(1000))
    records, tested = score_slices([rows], [Slices("city", ["Rome", "Ulm"], codes)])
    assert [record["rank"] is not None for record in records] == [is_tested] * 2
    assert bool(tested["y"]) == is_tested
    assert None not in [record["value"] for record in records]


def test_record_says_why_a_main_metric_that_the_task_does_not_name_is_undefined() -> (
    None
):
    output = Output("click", "click", Binary(label="click", metrics=["pcoc"]))
    rows = replace(scored(np.zeros(100), True, seed=1), output=output)
    rows = replace(rows, label=np.ones(100))
    (record,) = score_slices([rows], [Slices("city", ["all"], np.zeros(100))])[0]
    assert (record["metric"], record["value"]) == ("auc", None)
    assert record["why"].startswith("auc: ")
    assert list(record["metrics"]) == ["pcoc"]


def test_features_with_named_values_give_the_slices_of_their_columns() -> None:
    cells = ["b"] * 150 + ["a"] * 100 + ["c"] * 40 + [None] * 120
    table = pa.table({"city": cells, "copy": cells, "x": np.arange(410.0)})
    features = {
        "city": {"kind": "sparse"},
        "pair": {"kind": "cross", "columns": ["city", "copy"]},
        "x": {"kind": "dense"},
        "copy": {"kind": "hashed", "num_buckets": 9},
        "rare": {"kind": "cross", "columns": ["city", "copy"], "num_buckets": 9},
    }
    dataset = declared("rows", features, {"y": {"label": "y", "kind": "binary"}})
    fitted = fitted_features(dataset.used_features, table)
    by_city, by_pair = slices_by_features(fitted, fitted.encode(table))
    assert (by_city.column, by_pair.column) == ("city", "pair")
    assert by_city.names == ["(empty or rare)", "a", "b", "(other)"]
    assert by_pair.names == ["(empty or rare)", "a & a", "b & b", "(other)"]
    for slices in (by_city, by_pair):
        assert np.bincount(slices.codes).tolist() == [120, 100, 150, 40]
        assert slices.codes[[0, 150, 250, 290]].tolist() == [2, 1, 3, 0]


def test_values_of_a_feature_with_the_same_name_are_one_slice() -> None:
    cells = {"a": ["R & B"] * 80 + ["R"] * 80, "b": ["x"] * 80 + ["B & x"] * 80}
    table = pa.table({name: [*texts, *["c"] * 100] for name, texts in cells.items()})
    features = {"pair": {"kind": "cross", "columns": ["a", "b"]}}
    dataset = declared("rows", features, {"y": {"label": "y", "kind": "binary"}})
    fitted = fitted_features(dataset.used_features, table)
    (slices,) = slices_by_features(fitted, fitted.encode(table))
    assert sorted(slices.names) == ["R & B & x", "c & c"]
    assert sorted(np.bincount(slices.codes)) == [100, 160]


def test_features_whose_rows_are_all_in_one_slice_are_left_out() -> None:
    table = pa.table({"id": [f"u{i}" for i in range(300)], "same": ["a"] * 300})
    features = {"id": {"kind": "sparse"}, "same": {"kind": "sparse"}}
    dataset = declared("rows", features, {"y": {"label": "y", "kind": "binary"}})
    fitted = fitted_features(dataset.used_features, table)
    assert slices_by_features(fitted, fitted.encode(table)) == []


def test_limits_of_ranges_have_as_few_digits_as_differ() -> None:
    numbers = np.random.default_rng(0).normal(size=10_000)
    slices = slices_by("c", pa.chunked_array([numbers]), False)
    edges = [name.split()[-1] for name in slices.names[:-1]]
    assert max(len(edge.lstrip("-0.")) for edge in edges) <= 6
    close = 1_700_363_183.5 + 1e-6 * np.arange(1000)
    assert len(counts(close)) == 5


def test_negative_zero_is_no_limit_of_a_range() -> None:
    numbers = np.array([-0.0] * 500 + [*range(1, 101)])
    assert list(counts(numbers)) == ["up to 0", "above 0"]


NUMBERS = [str(i % 40) for i in range(4000)]


@pytest.mark.parametrize(
    "cells",
    [
        pa.array(["nan", *NUMBERS[1:]]),
        pa.array(["", *NUMBERS[1:]]),
        pa.array([None, *NUMBERS[1:]]),
        pa.array([None, *(f"{x}.0" for x in NUMBERS[1:])]),
    ],
)
def test_numbers_of_a_text_file_have_ranges_despite_empty_cells(cells: Any) -> None:
    numbers = pa.array([None, *map(float, NUMBERS[1:])])
    expected = slices_by("x", pa.chunked_array([numbers]), are_ids=False)
    read = numbers_from_text(pa.chunked_array([cells]))
    found = slices_by("x", read, are_ids=False)
    assert expected.names[0].startswith("up to ")
    assert found.names == expected.names
    assert (found.codes == expected.codes).all()


def test_text_that_is_typed_as_text_or_has_leading_zeros_is_no_number() -> None:
    assert list(counts(NUMBERS))[:2] == ["0", "1"]
    codes = pa.chunked_array([[f"{int(x):05}" for x in NUMBERS]])
    assert numbers_from_text(codes).equals(codes)


@pytest.mark.parametrize("first", [2**62, -(2**62), 2**64 - 1000])
def test_whole_numbers_that_floats_cannot_hold_become_ranges(first: int) -> None:
    dtype = pa.uint64() if first > 2**63 else pa.int64()
    numbers = pa.array([None, *range(first, first + 1000)], dtype)
    edges = [first + i for i in (199, 399, 599, 799)]
    names = [f"up to {edges[0]}", *(f"{a} to {b}" for a, b in pairwise(edges))]
    expected = dict.fromkeys([*names, f"above {edges[-1]}"], 200)
    assert counts(numbers) == expected | {"(other)": 1}
