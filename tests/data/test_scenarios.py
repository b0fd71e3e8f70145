"""The feature that tells the scenario of a row: checked, and its values named."""

import numpy as np
import pyarrow as pa
import pytest
from helpers.planted_data import declared, loaded, parquet
from pydantic import ValidationError

from mtl_cli.core.errors import DataError
from mtl_cli.data.scenarios import OTHER

FEATURES = {
    "market": {"kind": "sparse", "min_count": 2},
    "hour": {"kind": "bucketized", "edges": [6, 18]},
    "tags": {"kind": "sequence", "max_length": 2, "separator": "|"},
    "price": {"kind": "dense", "transform": "none"},
    "user": {"kind": "sparse"},
}
TASKS = {"buy": {"label": "buy", "kind": "binary"}}
ROWS = 60


@pytest.fixture
def rows(tmp_path):
    market = np.array(["shop", "feed", "sh\nop"], object)[np.arange(ROWS) % 3]
    market[0] = "rare"
    columns = {
        "market": market,
        "hour": np.arange(ROWS) % 24,
        "tags": ["a|b"] * ROWS,
        "price": np.ones(ROWS),
        "user": np.arange(ROWS),
        "buy": np.arange(ROWS) % 2,
    }
    return parquet(tmp_path, pa.table({k: pa.array(x) for k, x in columns.items()}))


def of(rows, scenario):
    return loaded(rows, FEATURES, TASKS, scenario=scenario)


def test_rows_have_the_names_of_their_values_on_one_line(rows):
    data = of(rows, "market")
    names = data.scenarios.of(data.splits["train"]).row_names
    assert list(names[:6]) == [OTHER, "feed", "sh op", "shop", "feed", "sh op"]


def test_streamed_rows_have_the_same_scenarios(rows):
    streamed = loaded(rows, FEATURES, TASKS, scenario="market", stream=True)
    names = streamed.scenarios.of(streamed.splits["train"]).row_names
    memory = of(rows, "market")
    np.testing.assert_array_equal(
        names, memory.scenarios.of(memory.splits["train"]).row_names
    )


def test_buckets_are_scenarios_by_their_number(rows):
    data = of(rows, "hour")
    assert data.scenarios.names == ["1", "2", "3", OTHER]
    names = data.scenarios.of(data.splits["train"]).row_names
    assert list(names[[0, 5, 6, 18, 24]]) == ["1", "1", "2", "3", "1"]


def test_scenario_changes_neither_the_encoded_rows_nor_their_place_in_the_cache(rows):
    assert "found encoded" in (of(rows, None), of(rows, "market"))[1].loading


@pytest.mark.parametrize(
    ("scenario", "told"),
    [
        ("markt", "scenario: no feature 'markt' in the data set, which has market, "),
        ("tags", "scenario: tags is a sequence feature; name a feature with one id"),
        ("price", "scenario: price is a dense feature; name a feature with one id"),
    ],
)
def test_feature_that_cannot_tell_a_scenario_is_refused(scenario, told):
    with pytest.raises(ValidationError, match=told):
        declared("rows.parquet", FEATURES, TASKS, scenario=scenario)


def test_feature_with_too_few_or_too_many_values_is_refused(rows):
    told = r"dataset.scenario: user has 60 values .* name a feature with 2 to 50"
    with pytest.raises(DataError, match=told):
        of(rows, "user")
    one = FEATURES | {"market": {"kind": "sparse", "min_count": 21}}
    with pytest.raises(DataError, match=r"market has 0 values"):
        loaded(rows, one, TASKS, scenario="market")


def test_rows_of_one_scenario_are_those_of_the_same_splits(rows):
    keys = {"scenario": "market", "valid_fraction": 0.3}
    everything = loaded(rows, FEATURES, TASKS, **keys)
    feed = loaded(rows, FEATURES, TASKS, **keys, only_scenario="feed")
    for split, table in everything.splits.items():
        mine = everything.scenarios.of(table).row_names == "feed"
        np.testing.assert_array_equal(
            feed.row_numbers[split], everything.row_numbers[split][mine]
        )
        np.testing.assert_array_equal(
            feed.splits[split].features["ids"], table.features["ids"][mine]
        )
    assert feed.features.learnt == everything.features.learnt
    assert "only rows of scenario feed" in feed.report["findings"][-1]
    assert "feed" not in str(everything.report["findings"])


def test_scenario_may_be_a_whole_number_and_streamed(rows):
    keys = {"scenario": "hour", "only_scenario": 2}
    first = loaded(rows, FEATURES, TASKS, **keys)
    assert not loaded(rows, FEATURES, TASKS, **keys, stream=True).is_streamed
    assert set(first.row_numbers["train"] % 24) == set(range(6, 18))


def test_unknown_scenario_and_one_without_its_feature_are_refused(rows):
    told = "no train row belongs to scenario 'fed'; the scenarios are feed, sh op, shop"
    with pytest.raises(DataError, match=told):
        loaded(rows, FEATURES, TASKS, scenario="market", only_scenario="fed")
    with pytest.raises(
        ValidationError, match=r"only_scenario: needs dataset\.scenario"
    ):
        declared("rows.parquet", FEATURES, TASKS, only_scenario="feed")
