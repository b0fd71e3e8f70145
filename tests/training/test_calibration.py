"""Calibration: scale and shift of logits, fitted on rows that judge the fit fairly."""

from dataclasses import replace
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from helpers import networks
from scipy.special import expit, softmax

from mtl_cli.data.table import Table
from mtl_cli.network.build import build
from mtl_cli.tasks.binary import Binary
from mtl_cli.tasks.multiclass import Multiclass
from mtl_cli.tasks.ordinal import Ordinal
from mtl_cli.tasks.wlr import WLR
from mtl_cli.tasks.ziln import ZILN
from mtl_cli.training.calibration import TowerCalibration, calibrate, fit_and_measure
from mtl_cli.training.calibration_fit import TowerRows, fit, unseen_loss

ROWS = 20_000
BINARY = Binary(label="y")


def binary_rows(stretch: float = 1.0, shift: float = 0.0, rows: int = ROWS):
    """Rows whose true logits were stretched and shifted."""
    random = np.random.default_rng(1)
    truth = random.normal(-1, 1.5, rows)
    label = (random.random(rows) < expit(truth)).astype("int64")
    logits = (truth * stretch + shift)[None, :, None]
    return TowerRows(logits, label, np.ones(rows), BINARY)


def test_temperature_undoes_a_stretch_and_keeps_the_shift():
    scale, shift = fit("temperature", binary_rows(stretch=2.5))
    assert scale == pytest.approx(1 / 2.5, abs=0.03)  # standard error .01
    assert shift == 0


def test_platt_undoes_a_stretch_and_a_shift():
    scale, shift = fit("platt", binary_rows(stretch=2, shift=1))
    assert scale == pytest.approx(0.5, abs=0.03)
    assert shift == pytest.approx(-0.5, abs=0.06)


def test_gain_is_measured_on_rows_that_the_fit_has_not_seen():
    rows = binary_rows(stretch=3)
    found = fit_and_measure("platt", rows, must_help=False)
    assert found.losses["none"] > 1.1 * found.losses["platt"]
    after = rows.losses(found.scale, found.shift).mean()
    assert after == pytest.approx(found.losses["platt"], rel=1e-3)
    assert after < found.losses["platt"]
    assert found.rows == ROWS
    assert found.losses["none"] == pytest.approx(rows.losses(1, 0).mean())


def test_auto_leaves_logits_that_a_fit_does_not_improve():
    sizes = (200, 400, 800, 1600, 3200)
    found = [
        fit_and_measure("platt", binary_rows(rows=rows), must_help=True)
        for rows in sizes
    ]
    assert {x.method for x in found} == {"none", "platt"}
    for x in found:
        is_better = x.losses["platt"] < x.losses["none"]
        assert (x.method == "platt") == is_better
        assert is_better or (x.scale, x.shift) == (1, 0)
    assert (
        fit_and_measure("platt", binary_rows(stretch=2), must_help=True).method
        == "platt"
    )


def test_logits_of_which_none_is_finite_stay_as_trained():
    rows = binary_rows(rows=400)
    broken = replace(rows, logits=np.full_like(rows.logits, np.nan))
    for must_help in (True, False):
        found = fit_and_measure("platt", broken, must_help)
        assert (found.method, found.scale, found.shift) == ("none", 1, 0)
        assert (found.losses, found.rows, found.rows_left_out) == ({}, 0, 400)


def test_few_rows_move_logits_less_than_many():
    few, many = (fit("platt", binary_rows(stretch=3, rows=n))[0] for n in (10, 1000))
    assert 1 > few > many + 0.1


def test_fits_to_few_rows_do_little_harm():
    other_rows = binary_rows()
    random = np.random.default_rng(5)
    changes = []
    for _ in range(40):
        few = other_rows.select(random.permutation(ROWS) < 150)
        found = fit_and_measure("platt", few, must_help=True)
        losses = other_rows.losses(found.scale, found.shift)
        changes.append(losses.mean() / other_rows.losses(1, 0).mean() - 1)
    # The rows are calibrated already, so no fit can gain. A penalty of 2 rows: +.5 %.
    assert 0 <= np.mean(changes) < 0.001
    assert np.max(changes) < 0.01


def test_few_labels_of_a_class_are_not_calibrated():
    rows = binary_rows(rows=100)
    rows.label[:] = 0
    rows.label[:4] = 1
    assert fit_and_measure("platt", rows, must_help=False) is None
    rows.label[:5] = 1
    assert fit_and_measure("platt", rows, must_help=False) is not None


def test_members_are_calibrated_by_the_log_loss_of_their_mean():
    random = np.random.default_rng(2)
    one = binary_rows()
    noise = random.normal(0, 1, (8, ROWS, 1))
    rows = TowerRows(one.logits + noise, one.label, one.weight, BINARY)
    p = expit(0.5 * rows.logits + 0.1).mean(axis=0)[:, 0]
    expected = -np.log(np.where(rows.label == 1, p, 1 - p))
    np.testing.assert_allclose(rows.losses(0.5, 0.1), expected)
    # The mean of members is less sure than each of them, so they are stretched.
    each = TowerRows(rows.logits[:1], one.label, one.weight, BINARY)
    assert fit("temperature", rows)[0] > fit("temperature", each)[0] + 0.1


def test_classes_share_one_temperature():
    random = np.random.default_rng(3)
    truth = random.normal(size=(ROWS, 4))
    label = np.array([random.choice(4, p=p) for p in softmax(truth, axis=1)])
    task = Multiclass(label="y", classes=[0, 1, 2, 3])
    rows = TowerRows(2 * truth[None], label, np.ones(ROWS), task)
    for method in ("temperature", "platt"):
        assert fit(method, rows)[0] == pytest.approx(0.5, abs=0.02)


def test_classes_in_an_order_share_one_scale_and_one_shift():
    random = np.random.default_rng(3)
    task = Ordinal(label="y", classes=[0, 1, 2, 3])
    truth = random.normal(size=(ROWS, 3))
    above = np.cumprod(expit(truth), axis=1)  # P(y > k)
    label = (random.random((ROWS, 1)) < above).sum(axis=1)
    rows = TowerRows(2 * truth[None] + 1, label, np.ones(ROWS), task)
    scale, shift = fit("platt", rows)
    assert scale == pytest.approx(0.5, abs=0.02)
    assert shift == pytest.approx(-0.5, abs=0.04)


def test_weights_count():
    rows = binary_rows()
    doubled = TowerRows(
        *(np.concatenate([x, x], axis) for x, axis in ((rows.logits, 1),)),
        np.concatenate([rows.label, 1 - rows.label]),
        np.concatenate([np.full(ROWS, 3.0), np.full(ROWS, 1e-9)]),
        BINARY,
    )
    # The penalty is in rows, of which there are twice as many.
    assert fit("platt", doubled) == pytest.approx(fit("platt", rows), abs=2e-3)


def test_fit_starts_from_the_shift_that_undoes_positive_weights():
    rows = binary_rows(shift=np.log(5))
    weighted = Binary(label="y", positive_weight=5.0)
    started = TowerRows(rows.logits, rows.label, rows.weight, weighted)
    assert fit("none", started) == (1.0, -np.log(5))
    assert fit("temperature", started)[0] == pytest.approx(1, abs=0.04)
    assert unseen_loss("none", started) < unseen_loss("none", rows)


AMOUNTS = [
    (WLR(label="y"), {"mean": 30.0}),
    (ZILN(label="y"), {"mean": 3.0, "deviation": 1.5}),
]


def test_text_leaves_out_the_shift_that_undoes_positive_weights():
    rows = replace(binary_rows(), task=Binary(label="y", positive_weight=5.0))
    found = fit_and_measure("platt", rows, must_help=False)
    assert found.initial_shift == pytest.approx(-np.log(5))
    found = replace(found, scale=0.98, shift=found.initial_shift + 0.25)
    assert str(found) == "logits x 0.980 + 0.250"


@pytest.mark.parametrize("shift", [0.0, 0.0004, -0.0004])
def test_text_leaves_out_a_shift_that_rounds_to_0(shift):
    # The shift of a multiclass task cancels in the softmax.
    found = TowerCalibration("platt", 1.308, shift, 0.0, {}, 100)
    assert str(found) == "logits x 1.308"


def amount_rows(task, statistics, rows: int = 5000, excess: float = 1.0):
    """Rows of amounts, and predictions that are `excess` times the true means."""
    random = np.random.default_rng(4)
    logits = random.normal(0, 0.5, (1, rows, task.num_logits))
    means = np.asarray(task.predictions(logits[0], statistics))[:, 0]
    label = random.gamma(2, means / 2 / excess) * (random.random(rows) < 0.5) * 2
    return TowerRows(logits, label, np.ones(rows), task, statistics)


@pytest.mark.parametrize(("task", "statistics"), AMOUNTS)
def test_factor_undoes_amounts_that_are_predicted_too_high(task, statistics):
    rows = amount_rows(task, statistics, rows=80_000, excess=1.4)
    found = fit_and_measure("factor", rows, must_help=True)
    assert (found.method, found.scale) == ("factor", 1)
    direction = np.array(task.shift_direction(statistics) or [1.0])
    logits = rows.logits[0] + found.shift * direction
    before = np.asarray(task.predictions(rows.logits[0], statistics))
    after = np.asarray(task.predictions(logits, statistics))
    np.testing.assert_allclose(after, before * np.exp(found.shift))
    # The standard error of the factor is about .5 %.
    assert np.exp(found.shift) == pytest.approx(1 / 1.4, rel=0.02)
    m, y = after[:, 0], rows.label  # the derivative of the deviance by the factor is 0
    assert (y / np.sqrt(m)).sum() == pytest.approx(np.sqrt(m).sum(), rel=1e-3)
    assert str(found) == f"predictions x {np.exp(found.shift):.3f}"


@pytest.mark.parametrize(("task", "statistics"), AMOUNTS)
def test_predictions_that_no_factor_improves_stay(task, statistics):
    rows = amount_rows(task, statistics)
    shift = fit("factor", rows)[1]
    balanced = replace(rows, label=rows.label / np.exp(shift))
    found = fit_and_measure("factor", balanced, must_help=True)
    assert (found.method, found.scale, found.shift) == ("none", 1, 0)
    assert found.losses["factor"] > found.losses["none"]


@pytest.mark.parametrize(("task", "statistics"), AMOUNTS)
def test_factor_does_not_depend_on_the_unit(task, statistics):
    rows = amount_rows(task, statistics, rows=300, excess=2.0)
    of_unit = {"mean": 0.001 * statistics["mean"]}
    if "deviation" in statistics:  # the mean is that of the logarithms
        of_unit = statistics | {"mean": statistics["mean"] + np.log(0.001)}
    other = replace(rows, label=0.001 * rows.label, statistics=of_unit)
    assert fit("factor", other) == pytest.approx(fit("factor", rows), rel=1e-4)
    assert unseen_loss("factor", other) == pytest.approx(unseen_loss("factor", rows))


@pytest.mark.parametrize(("task", "statistics"), AMOUNTS)
def test_rows_whose_predictions_are_not_finite_are_left_out(task, statistics):
    rows = amount_rows(task, statistics, rows=100, excess=1.4)
    logits = rows.logits.copy()
    # The last logit gives a finite amount, but not with the largest factor.
    logits[:, :4] = np.array([np.nan, np.inf, 1e10, 705])[:, None]
    found = fit_and_measure("factor", replace(rows, logits=logits), must_help=True)
    others = rows.select(np.arange(100) >= 4)
    expected = fit_and_measure("factor", others, must_help=True)
    assert found == replace(expected, rows_left_out=4)


def test_amounts_with_few_labels_above_0_are_not_calibrated():
    rows = amount_rows(*AMOUNTS[0])
    few = replace(rows, label=np.where(np.arange(len(rows)) < 4, 7.0, 0.0))
    assert fit_and_measure("factor", few, must_help=True) is None
    enough = replace(rows, label=np.where(np.arange(len(rows)) < 5, 7.0, 0.0))
    assert fit_and_measure("factor", enough, must_help=True).method == "factor"


def calibrated_network(method: str):
    """A network of two tasks, calibrated on rows whose labels are mostly 0."""
    keras.utils.set_random_seed(1)
    chosen = networks.config("encoder.embedding_dim=4", f"trainer.calibration={method}")
    network = build(chosen, networks.LAYOUT)
    random = np.random.default_rng(1)
    tasks = list(chosen.chosen_tasks)
    rows = networks.ROWS
    labels = {t: (random.random(rows) < 0.2).astype("float32") for t in tasks}
    valid = Table(networks.features(), labels, dict.fromkeys(tasks, np.ones(rows)))
    before = network.predict(valid)
    return network, calibrate(chosen, network, valid), before, network.predict(valid)


@pytest.mark.slow
def test_key_names_what_is_fitted_to_the_validation_rows():
    for method in ("temperature", "platt"):
        network, found, before, after = calibrated_network(method)
        assert set(found) == set(before)
        for task, layer in network.calibrations.items():
            assert found[task].method == method
            assert float(layer.scale) == pytest.approx(found[task].scale)
            assert float(layer.shift) == pytest.approx(found[task].shift)
            assert (found[task].shift != 0) == (method == "platt")
            logit = np.log(before[task] / (1 - before[task]))
            expected = expit(found[task].scale * logit + found[task].shift)
            np.testing.assert_allclose(after[task], expected, rtol=1e-4)
    network, found, before, after = calibrated_network("none")
    assert found == {}
    assert all((before[task] == after[task]).all() for task in before)
    # Untrained networks predict 1/2, so that a shift helps where labels are mostly 0.
    _, found, _, _ = calibrated_network("auto")
    assert {c.method for c in found.values()} == {"platt"}


def test_rows_of_any_weight_above_0_are_fitted_and_no_others(monkeypatch):
    rows = binary_rows(stretch=2.0, shift=1.0, rows=2000)
    counted = np.arange(2000) % 4 > 0
    weight = np.where(counted, 0.5, 0.0)
    label = np.where(counted, rows.label, np.nan)
    output = SimpleNamespace(name="click", label="click")
    heads = SimpleNamespace(tower_outputs=lambda _: {"click": output})
    config = SimpleNamespace(
        trainer=SimpleNamespace(calibration="platt"),
        chosen_tasks={"click": BINARY},
        model=SimpleNamespace(heads_option=heads, members=1),
    )
    layer = SimpleNamespace(scale=keras.Variable(1.0), shift=keras.Variable(0.0))
    network = SimpleNamespace(calibrations={"click": layer}, label_statistics={})
    valid = SimpleNamespace(labels={"click": label}, metric_weights={"click": weight})
    monkeypatch.setattr(
        "mtl_cli.training.calibration.logits_by_member",
        lambda *_: {"click": rows.logits},
    )
    found = calibrate(config, network, valid)["click"]
    expected = fit_and_measure("platt", rows.select(counted), must_help=False)
    assert found.scale == pytest.approx(expected.scale, rel=1e-4)
    assert float(layer.scale) == pytest.approx(expected.scale, rel=1e-4)
    assert float(layer.shift) == pytest.approx(expected.shift, rel=1e-4)
