"""Hashed features: buckets that depend on the value alone."""

import numpy as np
import pyarrow as pa
from helpers.fitted_columns import HUGE, encoded_ids, fit_and_encode

from mtl_cli.columns.layout import EmbeddingTable
from mtl_cli.features.hashed import Hashed

PINNED = {
    "a": 505,
    "b": 976,
    "7": 353,
    "-3": 281,
    "9007199254740993": 781,
    "ä": 999,
    "": 0,  # an empty cell
}


def test_hashed_values_have_these_buckets_on_every_machine():
    feature = Hashed(kind="hashed", num_buckets=1000)
    assert encoded_ids(feature, list(PINNED)) == list(PINNED.values())
    large = Hashed(kind="hashed", num_buckets=2**31 - 1)
    assert encoded_ids(large, ["a", "b"]) == [1133179998, 385561809]


def test_hashed_bucket_of_a_number_is_that_of_its_text():
    feature = Hashed(kind="hashed", num_buckets=1000)
    whole = {text: n for text, n in PINNED.items() if text.strip("-").isdigit()}
    assert encoded_ids(feature, [int(text) for text in whole]) == list(whole.values())
    assert int("9007199254740993") == HUGE


def test_missing_hashed_value_has_index_0_and_no_other_has():
    feature = Hashed(kind="hashed", num_buckets=16)
    words = [f"w{i}" for i in range(2000)]
    feature_set, found = fit_and_encode({"x": feature}, x=[*words, None])
    buckets = found["ids"][:, 0]
    assert buckets[-1] == 0
    assert set(buckets[:-1]) == set(range(1, 17))
    # A fair hash: each bucket's share is within 5 standard deviations.
    counts = np.bincount(buckets[:-1])[1:]
    assert abs(counts - 125).max() < 5 * np.sqrt(2000 / 16)
    assert feature_set.layout.tables["x"] == EmbeddingTable(17)
    assert feature_set.learnt == {"x": {}}


def test_hashed_bucket_does_not_depend_on_the_training_rows():
    feature = Hashed(kind="hashed", num_buckets=1000)
    feature_set, _ = fit_and_encode({"x": feature}, x=["other", None])
    table = pa.table({"x": list(PINNED)})
    assert feature_set.encode(table)["ids"][:, 0].tolist() == list(PINNED.values())
