"""Values that no training row has are counted, and other spellings are named."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from helpers.planted_data import fitted_features

from mtl_cli.columns.fitters import Learnt
from mtl_cli.columns.vocabulary import Categorical
from mtl_cli.data.unseen_values import UnseenValues
from mtl_cli.features.base import Array, Feature
from mtl_cli.features.cross import Cross
from mtl_cli.features.dense import Dense
from mtl_cli.features.piecewise_linear import PiecewiseLinear
from mtl_cli.features.sequence import Sequence
from mtl_cli.features.sparse import Sparse

FEATURES: dict[str, Feature] = {
    "user": Sparse(kind="sparse"),
    "is_new": Sparse(kind="sparse"),
    "tags": Sequence(kind="sequence", separator="|", max_length=3),
    "pair": Cross(kind="cross", columns=["user", "is_new"]),
}


def table(user: list[Any], is_new: list[Any], tags: list[str]) -> pa.Table:
    return pa.table({"user": user, "is_new": is_new, "tags": tags})


def counted(*blocks: pa.Table, declared: dict[str, Feature] = FEATURES) -> UnseenValues:
    training = table(["2419.0", "7.0", None], ["True", "False", "True"], ["a", "b", ""])
    features = fitted_features(declared, training)
    unseen = UnseenValues(features)
    for block in blocks:
        unseen.add(block, features.encode(block))
    return unseen


def test_rows_are_counted_over_blocks_and_a_row_with_two_values_once() -> None:
    unseen = counted(
        table(["7.0", "new"], ["True", None], ["a|x|y", "b"]),
        table(["other", "7.0"], ["False", "True"], ["", "x"]),
    )
    assert unseen.num_rows == 4
    # 7.0 is never new in the training rows. A pair with an empty cell is no pair.
    assert unseen.unseen_rows == {"user": 2, "pair": 3, "tags": 2}


@pytest.mark.parametrize(
    ("user", "is_new", "name", "spellings"),
    [
        ([2419, 7], ["True", "False"], "user", "'2419'; training rows have '2419.0'"),
        (["7.0", "7.0"], [True, False], "is_new", "'true'; training rows have 'True'"),
    ],
)
def test_another_spelling_of_a_training_value_is_named(
    user: list[Any], is_new: list[Any], name: str, spellings: str
) -> None:
    unseen = counted(table(user, is_new, ["a", "b"]))
    expected = f"(share of the 2 rows): {name} (100.0%, such as {spellings})"
    (line,) = unseen.warnings(only_suspicious=True)
    assert line.endswith(expected)
    assert expected.removesuffix(")") in unseen.warnings()[0]


def test_the_unseen_value_of_a_list_is_named_and_not_its_row() -> None:
    declared: dict[str, Feature] = {
        "tags": Sequence(kind="sequence", max_length=3, weights="shares")
    }
    training = pa.table({"tags": [["a", "b"]], "shares": [[1.0, 1.0]]})
    features = fitted_features(declared, training)
    unseen = UnseenValues(features)
    # "old" is no longer among the last three values, and "light" has no weight.
    rows = pa.table(
        {"tags": [["old", "a", "light", "new"]], "shares": [[1.0, 1.0, 0.0, 1.0]]}
    )
    unseen.add(rows, features.encode(rows))
    (line,) = unseen.warnings()
    assert "tags (100.0%, such as 'new'" in line


def test_the_unseen_id_of_a_column_of_floats_is_named_as_a_whole_number() -> None:
    declared: dict[str, Feature] = {"author": Sparse(kind="sparse")}
    features = fitted_features(declared, pa.table({"author": [4.0, None]}))
    unseen = UnseenValues(features)
    rows = pa.table({"author": [None, 673.0]})
    unseen.add(rows, features.encode(rows))
    assert unseen.warnings()[0].endswith("author (50.0%, such as 673)")


class AllUnseen(Sparse):
    """A kind of a plugin that gives id 0 to a value of the vocabulary."""

    def encode(
        self, name: str, values: Categorical, learnt: Learnt
    ) -> dict[str, Array]:
        return {"ids": np.zeros((len(values.codes), 1), "int64")}


def test_value_that_a_plugin_takes_for_unseen_is_shown_as_its_cell() -> None:
    declared: dict[str, Feature] = {"user": AllUnseen(kind="all_unseen")}
    rows = pa.table({"user": ["a", "b"]})
    features = fitted_features(declared, rows)
    unseen = UnseenValues(features)
    unseen.add(rows, features.encode(rows))
    assert "user (100.0%, such as 'a'" in unseen.warnings()[0]


def test_training_values_are_named_if_all_values_are_unknown() -> None:
    unseen = counted(table(["7.0", "new"], [0, 1], ["x|y", "z"]))
    (line,) = unseen.warnings()
    for item in (
        "is_new (100.0%, such as 0; training rows have 'False', 'True')",
        "tags (100.0%, such as 'x'; training rows have 'a', 'b')",
        "pair (100.0%, such as '7.0', 0)",
        "user (50.0%, such as 'new')",
    ):
        assert item in line


@pytest.mark.parametrize(("num_new", "is_told"), [(5, False), (6, True)])
def test_new_values_are_suspicious_in_more_than_half_of_ten_rows(
    num_new: int, is_told: bool
) -> None:
    users = [f"new {i}" for i in range(num_new)] + ["7.0"] * (10 - num_new)
    unseen = counted(table(users, ["True"] * 10, ["a"] * 10))
    suspicious = [line for line in unseen.warnings(True) if "user (" in line]
    assert len(suspicious) == is_told
    assert f"user ({num_new / 10:.1%}, such as 'new 0')" in unseen.warnings()[0]


@pytest.mark.parametrize(
    ("num_outside", "is_told", "is_suspicious"),
    [(4, False, False), (5, True, False), (50, True, False), (51, True, True)],
)
def test_numbers_outside_the_range_of_the_training_rows_are_told_if_not_few(
    num_outside: int, is_told: bool, is_suspicious: bool
) -> None:
    feature = PiecewiseLinear(kind="piecewise_linear", num_buckets=4, missing="bucket")
    training = pa.table({"price": [0.5, 7.0, None, 12.25]})
    features = fitted_features({"price": feature}, training)
    unseen = UnseenValues(features)
    prices = [None, *[0.5, 12.25] * 50][: 100 - num_outside]
    prices += [1225.0, *[-0.5] * 99][:num_outside]
    for block in (prices[:60], prices[60:]):
        rows = pa.table({"price": block})
        unseen.add(rows, features.encode(rows))
    line = (
        "these features have numbers outside the range of the training rows (share of "
        f"the 100 rows): price ({num_outside}.0%, such as 1225.0)"
    )
    assert unseen.warnings() == [line] * is_told
    assert unseen.warnings(only_suspicious=True) == [line] * is_suspicious


def test_rare_values_of_training_rows_are_not_called_absent() -> None:
    declared: dict[str, Feature] = {
        "is_new": Sparse(kind="sparse", min_count=2),
        "user": Sparse(kind="sparse", table="is_new"),
    }
    unseen = counted(
        table(["x", "True"], ["False", "True"], ["", ""]), declared=declared
    )
    assert unseen.warnings() == [
        "these features have values that the training rows lack or hold less than "
        "min_count times, and that are taken as unknown (share of the 2 rows): is_new "
        "(50.0%, such as 'False'), user (50.0%, such as 'x')"
    ]


def test_many_features_share_a_line_and_large_fractions_come_first() -> None:
    kinds: dict[str, Feature] = {f"id_{i}": Sparse(kind="sparse") for i in range(40)}
    kinds |= {f"x_{i}": Dense(kind="dense") for i in range(2)}
    training = pa.table(
        {name: ["1", "True"] if "id" in name else [1, 2] for name in kinds}
    )
    features = fitted_features(kinds, training)
    columns = {f"id_{i}": ["new"] * (i + 1) + ["1"] * (40 - i) for i in range(40)}
    columns["id_0"] = ["true"] + ["1"] * 40
    rows = pa.table(columns | {f"x_{i}": [1] * 20 + [9 + i] * 21 for i in range(2)})
    unseen = UnseenValues(features)
    unseen.add(rows, features.encode(rows))
    values, numbers = unseen.warnings()
    assert ": id_39 (97.6%, such as 'new'), id_38 (95.1%, such as 'new'), " in values
    assert values.endswith("id_32 (80.5%, such as 'new') and 32 more")
    assert numbers.endswith("x_0 (51.2%, such as 9), x_1 (51.2%, such as 10)")
