"""Which pairs of columns have combinations that explain a model's errors."""

from typing import Any

import numpy as np
import pytest

from mtl_cli.heads.base import Output
from mtl_cli.scoring.cross_scores import CrossTest, Margins, margins
from mtl_cli.scoring.scored_rows import ScoredRows
from mtl_cli.statistics.sampling_units import sampling_units
from mtl_cli.tasks.base import task_class

SIZE = 20  # the number of values of each column
NUM_ROWS, NUM_TRAIN = 6_000, 5_000
TASKS: dict[str, Any] = {
    "binary": {},
    "regression": {},
    "multiclass": {"classes": ["low", "middle", "high"]},
    "ordinal": {"classes": ["low", "middle", "high"]},
}


def scored(kind: str, label: Any, prediction: Any, weight: Any = None) -> Margins:
    task = task_class(kind).model_validate({"label": "y", "kind": kind} | TASKS[kind])
    weight = np.ones(len(label)) if weight is None else weight
    columns = np.asarray(label, "float64"), np.asarray(prediction, "float64"), weight
    rows = ScoredRows(Output("y", "y", task), *columns, None, np.arange(len(label)))
    result = margins(rows)
    assert result is not None
    return result


@pytest.mark.parametrize("kind", TASKS)
def test_combinations_that_explain_errors_have_a_high_score(kind: str) -> None:
    random = np.random.default_rng(0)
    a, b, other = random.integers(1, SIZE + 1, (3, NUM_ROWS))
    values = random.normal(0, 1, (SIZE + 1, SIZE + 1))[a, b]
    values += random.normal(0, 1, SIZE + 1)[other] + random.normal(0, 1, NUM_ROWS)
    label, prediction = values, np.zeros(NUM_ROWS)
    if kind == "binary":
        label, prediction = values > 0, np.full(NUM_ROWS, 0.5)
    elif kind != "regression":
        label = np.digitize(values, [-0.7, 0.7])
        prediction = np.full((NUM_ROWS, 3), 1 / 3)
    train = scored(kind, label[:NUM_TRAIN], prediction[:NUM_TRAIN])
    valid = scored(kind, label[NUM_TRAIN:], prediction[NUM_TRAIN:])
    units = sampling_units(NUM_ROWS - NUM_TRAIN, None)
    test = CrossTest(train, valid, units, [x[:NUM_TRAIN] for x in (a, b, other)])

    codes = 1 + a * SIZE + b
    score = test.score(codes[:NUM_TRAIN], codes[NUM_TRAIN:])
    assert score.z > 8 and score.p < 1e-12 and -0.5 < score.loss_change < -0.05
    # `other` has an effect of its own, which is no effect of combinations.
    codes = 1 + a * SIZE + other
    score = test.score(codes[:NUM_TRAIN], codes[NUM_TRAIN:])
    assert abs(score.z) < 3 and score.p > 0.003 and abs(score.loss_change) < 0.02


def small_test(weight: Any = None, groups: Any = None) -> CrossTest:
    """A test of eight rows of numbers, of which a model knows nothing."""
    label = np.array([1.0, 1, -1, -1, 2, 0, 0, -2])
    rows = scored("regression", label, np.zeros(8), weight)
    units = sampling_units(8, None if groups is None else np.array(groups))
    return CrossTest(rows, rows, units, [np.ones(8, int)])


def test_empty_cells_and_combinations_of_one_row_have_no_effect() -> None:
    # The combination 1 has two rows. Code 0 is an empty cell, and 2 and 3 are rare.
    codes = np.array([1, 1, 0, 0, 2, 0, 0, 3])
    one = small_test().score(codes, codes)
    assert one.z == pytest.approx(np.sqrt(2))  # two equal products
    none = small_test().score(np.arange(8), np.arange(8))
    assert (none.z, none.p, none.loss_change) == (0, 1, 0)


def test_effects_are_means_of_errors_shrunk_towards_zero() -> None:
    # In units of the errors' standard deviation, the label 1 is `unit`.
    unit = 1 / np.sqrt((4 * 1 + 2 * 4) / 8)
    codes = np.array([1, 1, 2, 2, 0, 0, 0, 0])
    score = small_test().score(codes, codes)
    effect = 2 * unit / (2 + 25)
    old = 12 * unit**2
    new = old - 4 * unit**2 + 4 * (unit - effect) ** 2
    assert score.loss_change == pytest.approx((new - old) / old)
    heavy = small_test(weight=np.array([3.0, 3, 1, 1, 1, 1, 1, 1]))
    assert heavy.score(codes, codes).loss_change < score.loss_change


def test_rows_of_a_group_count_as_one() -> None:
    codes = np.array([1, 1, 2, 2, 0, 0, 0, 0])
    of_rows = small_test().score(codes, codes)
    of_groups = small_test(groups=[0, 0, 1, 1, 2, 3, 4, 5]).score(codes, codes)
    assert of_rows.z == pytest.approx(2) and of_groups.z == pytest.approx(np.sqrt(2))
    assert of_groups.p > of_rows.p
    assert of_groups.loss_change == of_rows.loss_change
