"""The labels and plots of a multiclass task."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from sklearn.metrics import roc_auc_score

from mtl_cli.data.labels import labels_of_task
from mtl_cli.tasks.multiclass import Multiclass

TASK = Multiclass(kind="multiclass", label="y", classes=["low", "middle", "high"])


def test_each_class_that_occurs_has_its_roc_curve_against_all_others() -> None:
    random = np.random.default_rng(0)
    label = np.repeat([0.0, 2.0], 15)  # so few that curves keep all points
    prediction = random.dirichlet(np.ones(3), 30)
    weight = random.uniform(0.5, 2, 30)
    roc, *_ = TASK.plots(label, prediction, weight)
    assert roc.title == "ROC by class"
    assert [line.label for line in roc.lines] == ["low", "high"]
    for line, i in zip(roc.lines, (0, 2), strict=True):
        area = np.trapezoid(line.y, line.x)
        expected = roc_auc_score(label == i, prediction[:, i], sample_weight=weight)
        assert area == pytest.approx(expected, abs=1e-9)


def test_labels_of_one_class_have_no_roc_curve() -> None:
    prediction = np.random.default_rng(0).dirichlet(np.ones(3), 100)
    plots = TASK.plots(np.ones(100), prediction, np.ones(100))
    assert plots and all("ROC" not in plot.title for plot in plots)


def test_evaluation_reads_labels_as_a_subclass_reads_them_in_training() -> None:
    class Lower(Multiclass):
        def read_labels(self, message_start: str, column: Any) -> Any:
            return super().read_labels(message_start, pc.utf8_lower(column))

    task = Lower(kind="multiclass", label="y", classes=TASK.classes)
    labels = labels_of_task(
        "key", task, pa.table({"y": ["HIGH", "low"]}), unknown_as_missing=True
    )
    assert labels.tolist() == [2, 0]
