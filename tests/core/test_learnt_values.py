"""Values that a saved model has learnt are checked, because a file may be forged."""

import math
from typing import Any

import pytest
from helpers.fitted_columns import fitted_column

from mtl_cli.columns.fitters import Learnt
from mtl_cli.features.base import Feature
from mtl_cli.features.bucketized import Bucketized
from mtl_cli.features.cross import Cross
from mtl_cli.features.dense import Dense
from mtl_cli.features.hashed import Hashed
from mtl_cli.features.piecewise_linear import PiecewiseLinear
from mtl_cli.features.sparse import Sparse
from mtl_cli.tasks.base import Task
from mtl_cli.tasks.binary import Binary
from mtl_cli.tasks.regression import Regression
from mtl_cli.tasks.wlr import WLR
from mtl_cli.tasks.ziln import ZILN

SPARSE = Sparse(kind="sparse")
CROSS = Cross(kind="cross", columns=["a", "b"])
BUCKETIZED = Bucketized(kind="bucketized", num_buckets=4)
RAMPS = Bucketized(kind="bucketized", num_buckets=4, ramps=True)
PIECEWISE = PiecewiseLinear(kind="piecewise_linear", num_buckets=4)
TRANSFORMS = ("standard", "minmax", "log1p", "quantile", "none")
DENSE = {name: Dense(kind="dense", transform=name) for name in TRANSFORMS}
FILLED = Dense(kind="dense", transform="none", missing="mean")
STANDARD = Regression(label="y", transform="standard")


@pytest.mark.parametrize("values", [[1.5], [2.0, 2.0, 2.0], [None], [0, -1, 1e30]])
@pytest.mark.parametrize("kind", [BUCKETIZED, RAMPS, PIECEWISE, *DENSE.values()])
def test_what_a_numeric_kind_learns_passes(kind: Feature, values: list[Any]) -> None:
    kind = kind.model_copy(update={"missing": 0.0}) if None in values else kind
    kind.check_learnt(fitted_column(kind, values).learnt["x"])


@pytest.mark.parametrize("values", [["a"], ["a", "b", "a"], [None]])
def test_what_a_kind_of_ids_learns_passes(values: list[Any]) -> None:
    SPARSE.check_learnt(fitted_column(SPARSE, values).learnt["x"])
    Sparse(kind="sparse", table="other").check_learnt(Learnt())
    Hashed(kind="hashed", num_buckets=3).check_learnt(Learnt())


@pytest.mark.parametrize(
    ("kind", "learnt", "message"),
    [
        (SPARSE, {"vocabulary": ["a", "a", "c"]}, "the vocabulary holds a value twice"),
        (SPARSE, {"vocabulary": "ab"}, "the vocabulary is not a list of texts"),
        (CROSS, {"vocabulary": ["a", None]}, "the vocabulary holds null"),
        (SPARSE, {"vocabulary": ["", "a"]}, "the vocabulary holds an empty text"),
        (
            SPARSE,
            {"vocabulary": ["a", "b"], "counts": [1]},
            "counts is [1]; expected 2 numbers of 0 or more",
        ),
        (
            CROSS,
            {"vocabulary": ["a"], "counts": [-1]},
            "counts is [-1]; expected 1 numbers of 0 or more",
        ),
        (BUCKETIZED, {"cuts": [5.0, 5.0]}, "cuts is [5.0, 5.0]; expected strictly"),
        (BUCKETIZED, {"cuts": [5.0, math.inf]}, "expected strictly ascending numbers"),
        (BUCKETIZED, {"cuts": ["5"]}, "expected strictly ascending numbers"),
        (RAMPS, {"cuts": [5.0], "low": 6.0, "high": 9.0}, "low, cuts, high is [6.0, 5"),
        (PIECEWISE, {"cuts": [2.0, 1.0]}, "cuts is [2.0, 1.0]"),
        (PIECEWISE, {"cuts": [], "low": 1e308, "high": 49.0}, "low, cuts, high is [1e"),
        (DENSE["minmax"], {"low": 1e308, "high": 49.0}, "low, high is [1e+308, 49.0]"),
        (DENSE["quantile"], {"quantiles": [1.0, 0.0]}, "expected ascending numbers"),
        (DENSE["standard"], {"mean": math.nan}, "mean is nan; expected a number"),
        (
            DENSE["log1p"],
            {"mean": 0.0, "deviation": -1e308},
            "deviation is -1e+308; expected a number of 0 or more",
        ),
        (FILLED, {"missing": "0"}, "missing is '0'; expected a number"),
    ],
)
def test_what_a_kind_cannot_have_learnt_is_refused(
    kind: Feature, learnt: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError) as error:
        kind.check_learnt(Learnt({"low": 0.0, "high": 9.0} | learnt))
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("task", "statistics", "message"),
    [
        (
            STANDARD,
            {"mean": 0.0, "deviation": 0.0},
            "deviation is 0.0; expected a numb",
        ),
        (STANDARD, {"mean": 0.0, "deviation": -1e308}, "expected a number above 0"),
        (STANDARD, {"mean": math.inf, "deviation": 1.0}, "mean is inf"),
        (WLR(label="y"), {"mean": 0.0}, "mean is 0.0; expected a number above 0"),
        (ZILN(label="y"), {"mean": 1.0, "deviation": "1"}, "deviation is '1'"),
    ],
)
def test_statistics_that_labels_cannot_have_are_refused(
    task: Task, statistics: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError) as error:
        task.check_statistics(statistics)
    assert message in str(error.value)


def test_statistics_of_labels_pass() -> None:
    Binary(label="y").check_statistics({})
    Regression(label="y", transform="none").check_statistics({})
    STANDARD.check_statistics({"mean": -3.0, "deviation": 1e-9})
    WLR(label="y").check_statistics({"mean": 1e30})
    ZILN(label="y").check_statistics({"mean": -2.0, "deviation": 1.0})
