"""Positive values: the labels and the check of the training rows agree."""

import numpy as np
import pyarrow as pa
import pytest
from helpers.planted_data import declared, outputs
from pydantic import ValidationError

from mtl_cli.core.errors import DataError
from mtl_cli.data.label_statistics import LabelStatistics
from mtl_cli.data.labels import labels_of_rows
from mtl_cli.tasks.base import task_class
from mtl_cli.tasks.binary import Binary

COLUMNS = {
    "text": pa.array(["1", "0", None]),
    "large_text": pa.array(["1", "0", None], pa.large_string()),
    "whole": pa.array([1, 0, None]),
    "decimal": pa.array([1.0, 0.0, float("nan")]),
    "flag": pa.array([True, False, None]),
}
VALUES = [1, "1", "1.0", "true", 2, "2", "no"]


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("value", VALUES)
def test_check_of_positive_values_agrees_with_the_labels(name, value):
    # A flag of `true` was labelled 1, but refused as a value that no row holds.
    tasks = {"y": {"label": "y", "kind": "binary", "positive": value}}
    dataset = declared("t.csv", {"x": {"kind": "sparse"}}, tasks)
    table = pa.table({"y": COLUMNS[name]})
    try:
        rows = labels_of_rows(dataset, outputs(dataset), table)
    except DataError as error:
        assert f"so no cell can equal {value!r}; correct `positive`" in str(error)
        return
    statistics = LabelStatistics(dataset, outputs(dataset))
    statistics.add(rows, table, rows.labels["y"] == rows.labels["y"])
    if 1 in rows.labels["y"]:
        statistics.check()
    else:
        with pytest.raises(DataError, match="no training row holds"):
            statistics.check()


@pytest.mark.parametrize("other", ["Yes", "YES", " yes "])
def test_other_spelling_of_a_positive_value_is_refused(other):
    message = (
        rf"row 3 holds '{other}', another spelling of a value of `positive` "
        r"\(2 such rows\); add it to the list `positive`, or correct the cell"
    )
    cells = pa.chunked_array([["yes", "no"], [other, None, other]])
    with pytest.raises(DataError, match=message):
        Binary(label="y", positive="yes").read_labels("y", cells)
    labels = Binary(label="y", positive=["yes", other]).read_labels("y", cells)
    np.testing.assert_array_equal(labels, [1, 0, 1, np.nan, 1])


def test_whole_number_with_blanks_is_another_spelling_of_a_positive_value():
    # The cell was read as the label 0.
    cells = pa.chunked_array([["1", "0", "1.0", " 1"]])
    with pytest.raises(DataError, match="row 4 holds ' 1', another spelling"):
        Binary(label="y", positive=1).read_labels("y", cells)


def test_null_stands_for_the_usual_loss():
    assert Binary(label="y", loss=None) == Binary(label="y", loss="bce")
    assert task_class("regression")(label="y", loss=None).loss == "mse"


@pytest.mark.parametrize(
    ("key", "value", "default"),
    [("classes", ["a", "b"], None), ("transform", "log1p", "standard")],
)
def test_keys_of_other_kinds_may_stand_at_their_default_only(key, value, default):
    assert Binary(label="y", **{key: default}) == Binary(label="y")
    message = rf"{key}: only kind=\w+( or \w+)? uses it; choose kind="
    with pytest.raises(ValueError, match=message):
        Binary(label="y", **{key: value})


def test_usual_loss_of_an_earlier_kind_may_remain():
    ziln, ordinal = task_class("ziln"), task_class("ordinal")
    assert ziln(label="y", loss="mse", transform="standard") == ziln(label="y")
    classes = {"label": "y", "classes": [1, 2]}
    assert ordinal(**classes, loss="cross_entropy") == ordinal(**classes)
    with pytest.raises(ValueError, match=r"choose .* or leave it out"):
        ziln(label="y", loss="huber")


def test_whole_numbers_of_yaml_may_have_decimals():
    classes = task_class("multiclass")(label="y", classes=[1.0, 2, "3"])
    assert classes.classes == [1, 2, "3"]
    column = pa.chunked_array([["2.0", None, "1.0", "3"]])
    assert classes.read_labels("y", column).tolist()[2:] == [0, 2]
    assert Binary(label="y", positive=[1.0, "no"]).positive == [1, "no"]
    with pytest.raises(ValidationError):
        Binary(label="y", positive=1.5)


def test_rows_of_one_label_have_no_plots_of_a_ranking():
    label, ones = np.array([0.0, 1.0, 1.0, 0.0]), np.ones(4)
    plots = Binary(label="y").plots(label, np.array([0.2, 0.9, 0.6, 0.7]), ones)
    titles = ["ROC", "precision by recall", "calibration", "predictions by label"]
    assert [plot.title for plot in plots] == titles
    plots = Binary(label="y").plots(ones, np.array([0.2, 0.9, 0.6, 0.7]), ones)
    assert [plot.title for plot in plots] == ["calibration"]
