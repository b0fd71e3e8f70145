"""`pooling: attention` learns which values of a list matter for the row's item."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from helpers.planted_data import config, parquet, run_in, values
from helpers.planted_rows import sigmoid

ITEMS, CATEGORIES, LENGTH = 100, 10, 8


def rows(count: int, seed: int, structure: bool) -> pa.Table:
    """Draws users who like the items of two categories, and clicked on such items.

    A click depends on how many items of a category the user has clicked: the category
    of the row's item or, without the structure, category 0.
    """
    random = np.random.default_rng(seed)
    categories = np.arange(ITEMS) % CATEGORIES
    interests = random.integers(0, CATEGORIES, (count, 2))
    interest = random.integers(0, 2, (count, LENGTH))
    of_history = np.take_along_axis(interests, interest, axis=1)
    in_category = random.integers(0, ITEMS // CATEGORIES, (count, LENGTH))
    history = in_category * CATEGORIES + of_history
    item = random.integers(0, ITEMS, count)
    is_liked = random.random(count) < 0.5
    liked = random.integers(0, ITEMS // CATEGORIES, count) * CATEGORIES
    item = np.where(is_liked, liked + interests[:, 0], item)
    category = categories[item] if structure else np.zeros(count, int)
    matches = (of_history == category[:, None]).sum(axis=1)
    click = random.random(count) < sigmoid(matches - 2.0)
    return pa.table(
        {"item": item, "history": history.tolist(), "click": click.astype(int)}
    )


@pytest.mark.slow
@pytest.mark.parametrize("structure", [True, False])
def test_attention_is_ahead_of_the_mean_only_if_the_item_decides(
    structure: bool, tmp_path: Path
) -> None:
    train = parquet(tmp_path, rows(16_000, 0, structure))
    test = parquet(tmp_path, rows(10_000, 1, structure), "test.parquet")
    aucs = {}
    for pooling in ("mean", "attention"):
        history = {"kind": "sequence", "max_length": LENGTH, "table": "item"}
        features = {"item": {"kind": "sparse"}, "history": history}
        history["pooling"] = pooling
        data = values(train, features, {"click": {"label": "click", "kind": "binary"}})
        data |= {"test": str(test), "valid_fraction": 0.1}
        chosen = config(data, "model=shared_bottom", "trainer.epochs=6")
        scores = run_in(tmp_path / pooling, chosen)
        aucs[pooling] = scores["test"]["click"]["auc"]
    gain = aucs["attention"] - aucs["mean"]
    assert gain > 0.02 if structure else abs(gain) < 0.01
