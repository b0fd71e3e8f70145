"""Metrics: exact, on the rows that count, and null with a reason where undefined."""

import json
import math

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from mtl_cli.config.monitor import monitored_metrics
from mtl_cli.data.table import Table
from mtl_cli.heads.base import Output
from mtl_cli.metrics.auc import auc, gauc
from mtl_cli.metrics.calibration import calibration_buckets, ece, pcoc
from mtl_cli.metrics.log_loss import (
    cross_entropy,
    log_loss,
    normalized_cross_entropy,
    normalized_entropy,
)
from mtl_cli.metrics.metric import Metric, UndefinedError, metric
from mtl_cli.metrics.regression import r2
from mtl_cli.metrics.sorted_rows import floats_of, ordered_bits, sort_rows
from mtl_cli.scoring.scored_rows import scored_rows
from mtl_cli.scoring.scores import (
    monitored_score,
    monitored_value,
    score,
    score_outputs,
)
from mtl_cli.tasks.binary import Binary
from mtl_cli.tasks.multiclass import Multiclass
from mtl_cli.tasks.regression import Regression

BINARY = Binary(label="y")
REGRESSION = Regression(label="y")
MULTICLASS = Multiclass(label="y", classes=["a", "b"])
TASKS = {"binary": BINARY, "regression": REGRESSION}
BINARY_NAMES = BINARY.metric_names
# Both sides sum the same numbers in float64, in another order.
ROUNDING = 1e-12

SKLEARN = {
    "auc": lambda y, p, w: sklearn.metrics.roc_auc_score(y, p, sample_weight=w),
    "pr_auc": lambda y, p, w: sklearn.metrics.average_precision_score(
        y, p, sample_weight=w
    ),
    "log_loss": lambda y, p, w: sklearn.metrics.log_loss(y, p, sample_weight=w),
    "rmse": lambda y, p, w: sklearn.metrics.root_mean_squared_error(
        y, p, sample_weight=w
    ),
    "mae": lambda y, p, w: sklearn.metrics.mean_absolute_error(y, p, sample_weight=w),
    "r2": lambda y, p, w: sklearn.metrics.r2_score(y, p, sample_weight=w),
}
FUNCTIONS = {
    metric.name: metric
    for task in TASKS.values()
    for metric in task.METRICS
    if not metric.grouped
}


def names_of(kind):
    """The metrics of a kind that need no groups."""
    return {name for name in TASKS[kind].metric_names if name in FUNCTIONS}


def rows_of(name, rows=2000, ties=False, weighted=True, seed=7):
    """Returns random labels, predictions that know something of them, and weights."""
    random = np.random.default_rng(seed)
    if name in BINARY_NAMES:
        label = (random.random(rows) < 0.3).astype("float64")
        logit = random.normal(label - 1, 1.5)
        prediction = 1 / (1 + np.exp(-logit))
    else:
        label = random.normal(3, 2, rows)
        prediction = label + random.normal(0.2, 1, rows)
    if ties:
        prediction = np.round(prediction, 1)
        if name in BINARY_NAMES:
            prediction = np.clip(prediction, 0.05, 0.95)
    weight = random.exponential(size=rows) if weighted else np.ones(rows)
    return label, prediction, weight


def prediction_plots(outputs, table, predictions):
    """The plots of each output's predictions."""
    return {o.name: scored_rows(o, table, predictions[o.name]).plots() for o in outputs}


def calibration_points(outputs, table, predictions):
    """The points of the calibration plot of each output, (buckets, 2)."""
    plots = prediction_plots(outputs, table, predictions)
    lines = [
        plot.lines[0]
        for of_output in plots.values()
        for plot in of_output
        if plot.title == "calibration"
    ]
    return [np.column_stack([line.x, line.y]) for line in lines]


@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("ties", [False, True], ids=["no_ties", "ties"])
@pytest.mark.parametrize("name", SKLEARN)
def test_metric_equals_scikit_learns(name, ties, weighted):
    label, prediction, weight = rows_of(name, ties=ties, weighted=weighted)
    assert (len(np.unique(prediction)) < 200) == ties
    found = FUNCTIONS[name](label, prediction, weight)
    expected = SKLEARN[name](label, prediction, weight)
    assert found == pytest.approx(expected, rel=ROUNDING)


@given(
    st.lists(
        st.tuples(st.booleans(), st.integers(0, 4), st.integers(1, 5)), max_size=30
    )
)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_auc_is_the_share_of_pairs_in_order_with_ties_as_half(rows):
    label, prediction, weight = np.array(rows, "float64").reshape(-1, 3).T
    right = pairs = 0.0
    for i in np.flatnonzero(label == 1):
        for j in np.flatnonzero(label == 0):
            pair = weight[i] * weight[j]
            pairs += pair
            right += pair * (prediction[i] > prediction[j])
            right += pair * (prediction[i] == prediction[j]) / 2
    found = score(BINARY, label, prediction / 4, weight)["auc"]
    expected = pytest.approx(right / pairs, rel=ROUNDING) if pairs else None
    assert found == expected


@pytest.mark.parametrize("name", FUNCTIONS)
def test_weight_of_three_counts_as_three_equal_rows(name):
    label, prediction, _ = rows_of(name, rows=300, ties=True)
    times = np.random.default_rng(3).integers(1, 4, 300)
    repeated = [np.repeat(x, times) for x in (label, prediction)]
    found = FUNCTIONS[name](label, prediction, times.astype("float64"))
    expected = FUNCTIONS[name](*repeated, np.ones(times.sum()))
    assert found == pytest.approx(expected, rel=ROUNDING)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_metric_does_not_depend_on_the_order_of_rows(name):
    # Ties matter: a network gives equal rows equal predictions, and a table may be
    # sorted by its label.
    columns = rows_of(name, ties=True)
    by_label = np.argsort(columns[0], kind="stable")
    mixed = np.random.default_rng(1).permutation(len(by_label))
    found = [FUNCTIONS[name](*(x[rows] for x in columns)) for rows in (by_label, mixed)]
    assert found[0] == pytest.approx(found[1], rel=ROUNDING)


@pytest.mark.parametrize("rows", [5, 19, 20, 21, 1003])
def test_ece_equals_a_loop_over_twenty_buckets_of_sorted_rows(rows):
    label, prediction, weight = rows_of("ece", rows=rows)
    buckets = [[] for _ in range(20)]
    weight_before = 0.0
    for p, y, w in sorted(zip(prediction, label, weight, strict=True)):
        buckets[int(20 * weight_before / weight.sum())].append(w * (p - y))
        weight_before += w
    expected = sum(abs(sum(bucket)) for bucket in buckets) / weight.sum()
    assert ece(label, prediction, weight) == pytest.approx(expected, rel=ROUNDING)


def test_ece_does_not_depend_on_the_unit_of_the_weights():
    # Every twentieth of the rows begins at a cut, but for rounding.
    label, prediction, weight = rows_of("ece", rows=400, weighted=False)
    expected = pytest.approx(ece(label, prediction, weight), rel=ROUNDING)
    assert ece(label, prediction, 0.1 * weight) == expected


def test_ece_is_zero_where_each_prediction_is_the_rate_of_its_rows():
    label = np.tile([1.0] + [0.0] * 9, 40)
    assert ece(label, np.full(400, 0.1), np.ones(400)) == pytest.approx(0)


def test_calibration_plot_shows_the_buckets_of_the_ece():
    label, prediction, weight = rows_of("ece", rows=900, ties=True)
    weight *= np.arange(900) % 3  # a third of the rows does not count
    rows = Table({}, {"y": label}, {"y": weight, "z": weight})
    outputs = [Output("y", "y", BINARY), Output("z", "y", BINARY)]
    found = {"y": prediction, "z": np.full(900, 0.5)}
    tied, same = calibration_points(outputs, rows, found)
    counts = weight > 0
    columns = [x[counts] for x in (label, prediction, weight)]
    _, _, size = calibration_buckets(*columns)
    distance = np.average(np.abs(tied[:, 1] - tied[:, 0]), weights=size)
    assert distance == pytest.approx(ece(*columns), rel=ROUNDING)
    mean = np.average(columns[0], weights=columns[2])
    np.testing.assert_allclose(same, [[0.5, mean]], rtol=ROUNDING)


def test_calibration_plot_of_classes_takes_each_against_all_others():
    p = np.array([[0.7, 0.3], [0.6, 0.4], [0.2, 0.8]])
    rows = Table({}, {"y": np.array([0.0, 1.0, np.nan])}, {"y": np.array([1, 3, 0.0])})
    (points,) = calibration_points([Output("y", "y", MULTICLASS)], rows, {"y": p})
    expected = [[0.3, 0], [0.4, 1], [0.6, 0], [0.7, 1]]
    np.testing.assert_allclose(points, expected)


def test_output_without_rows_has_no_plot():
    rows = Table({}, {"y": np.zeros(3)}, {"y": np.zeros(3)})
    outputs = [Output("y", "y", BINARY)]
    assert prediction_plots(outputs, rows, {"y": np.zeros(3)}) == {"y": []}


def test_pcoc_is_predicted_over_actual_positives():
    label, prediction, weight = rows_of("pcoc")
    predicted = sum(w * p for p, w in zip(prediction, weight, strict=True))
    actual = sum(w for y, w in zip(label, weight, strict=True) if y == 1)
    found = pcoc(label, prediction, weight)
    assert found == pytest.approx(predicted / actual, rel=ROUNDING)


def test_rare_positives_with_tiny_scores_have_their_exact_auc():
    # keras.metrics.AUC counts within 200 equal steps of the score, which all fall
    # into one here.
    random = np.random.default_rng(0)
    label = (np.arange(20_000) < 40).astype("float64")
    score = 0.002 * np.exp(0.3 * random.normal(label, 1))
    positive, negative = score[label == 1], score[label == 0]
    exact = (positive[:, None] > negative).mean()
    ones = np.ones(len(label))
    assert exact > 0.7
    assert auc(label, np.floor(200 * score), ones) < 0.55
    assert auc(label, score, ones) == pytest.approx(exact, rel=ROUNDING)


@pytest.mark.slow
def test_auc_of_a_million_rows_equals_scikit_learns():
    label, prediction, weight = rows_of("auc", rows=1_000_000)
    found = auc(label, prediction, weight)
    expected = SKLEARN["auc"](label, prediction, weight)
    assert found == pytest.approx(expected, rel=1e-11)  # 1e6 roundings


def test_log_loss_of_certain_and_wrong_predictions_is_finite():
    found = log_loss(np.array([1.0, 0.0]), np.array([0.0, 1.0]), np.ones(2))
    assert found == pytest.approx(-np.log(1e-7))


def scored(kind, label, prediction, weight=None):
    """Returns `score` after a trip through JSON, which has no NaN."""
    label, prediction = np.array(label, "float32"), np.array(prediction, "float32")
    weight = np.ones(len(label)) if weight is None else np.array(weight, "float32")
    found = score(TASKS[kind], label, prediction, weight)
    text = json.dumps(found, allow_nan=False)
    assert json.loads(text) == found
    return found


def test_one_class_leaves_ranking_undefined_and_says_so():
    found = scored("binary", [0, 0, 0], [0.1, 0.2, 0.3])
    why = found.pop("why")
    assert {name for name, value in found.items() if value is None} == set(why)
    assert set(why) == {"auc", "pr_auc", "ne", "pcoc"}
    assert why["auc"] == "one class only: 0 of 3 rows positive"
    assert why["pcoc"] == "no positives among 3 rows"
    assert (found["rows"], found["positives"]) == (3, 0)
    assert found["log_loss"] == pytest.approx(-np.log([0.9, 0.8, 0.7]).mean())


def test_only_positives_leave_ranking_undefined_but_not_their_bias():
    found = scored("binary", [1, 1], [0.5, 0.25])
    assert set(found["why"]) == {"auc", "pr_auc", "ne"}
    assert found["pcoc"] == pytest.approx(0.375)


@pytest.mark.parametrize("kind", ["binary", "regression"])
def test_no_rows_leave_every_metric_undefined(kind):
    for found in (scored(kind, [], []), scored(kind, [1, 0], [0.3, 0.1], [0, 0])):
        assert all(found[name] is None for name in FUNCTIONS if name in found)
        assert found["why"] == dict.fromkeys(names_of(kind), "no rows")
        assert found["rows"] == 0


def test_r2_of_labels_whose_variance_is_too_small_for_floats_is_undefined():
    labels = np.array([1e-310, 2e-310])
    with pytest.raises(UndefinedError, match="is nan"):
        r2(labels, labels.mean() * np.ones(2), np.ones(2))


@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("constant", [0, 2, 0.1, -1 / 3, 1e6 + 0.1])
def test_r2_of_constant_labels_is_undefined(constant, weighted):
    # Also where the mean of equal numbers is off by a rounding.
    rows = 1000
    weight = np.linspace(0.1, 3, rows) if weighted else np.ones(rows)
    prediction = constant + np.linspace(-1, 1, rows)
    found = scored("regression", np.full(rows, constant), prediction, weight)
    assert found["r2"] is None
    assert set(found["why"]) == {"r2"}
    assert found["why"]["r2"].startswith("all 1000 labels are")
    assert found["mae"] == pytest.approx(
        np.average(np.abs(prediction - constant), weights=weight), rel=0.1
    )


@pytest.mark.parametrize(
    ("kind", "bad"),
    [("binary", np.nan), ("regression", np.nan), ("regression", np.inf)],
)
def test_prediction_that_is_no_number_leaves_every_metric_undefined(kind, bad):
    # The last step of a run can make the weights NaN after the last finite loss.
    found = scored(kind, [1, 0, 1, 0], [0.9, bad, 0.3, 0.2])
    assert all(found[name] is None for name in FUNCTIONS if name in found)
    assert set(found["why"]) == names_of(kind)


def test_defined_metrics_have_no_why():
    assert "why" not in scored("binary", [1, 0], [0.3, 0.1])
    assert "why" not in scored("regression", [1, 2], [0.3, 0.1])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_rows_of_weight_zero_do_not_count(name):
    kind = "binary" if name in BINARY_NAMES else "regression"
    label, prediction, weight = rows_of(name, rows=400)
    out = np.random.default_rng(2).random(400) < 0.5
    expected = score(TASKS[kind], label[~out], prediction[~out], weight[~out])
    label[out], weight[out] = np.nan, 0
    found = score(TASKS[kind], label, prediction, weight)
    assert found == expected
    assert found["rows"] == (~out).sum()


@pytest.mark.slow
def test_group_auc_equals_a_loop_over_groups():
    label, prediction, weight = rows_of("auc", ties=True)
    group = np.random.default_rng(3).integers(0, 300, len(label))
    found, counted = [], []
    for g in range(300):
        mine = group == g
        if 0 < label[mine].sum() < mine.sum():
            found.append(SKLEARN["auc"](label[mine], prediction[mine], weight[mine]))
            counted.append(weight[mine].sum())
    assert 0 < len(found) < 300  # some groups have one class
    scores = score(BINARY, label, prediction, weight, group)
    expected = np.average(found, weights=counted)
    assert scores["gauc"] == pytest.approx(expected, rel=ROUNDING)
    assert scores["groups"] == len(found)


def test_group_auc_is_undefined_where_no_group_has_both_classes():
    label, prediction = np.array([1, 1, 0, 0]), np.array([0.1, 0.2, 0.3, 0.4])
    groups = np.array([7, 7, 9, 9])
    scores = score(BINARY, label, prediction, np.ones(4), groups, names=["gauc"])
    assert scores["gauc"] is None
    assert scores["why"] == {"gauc": "none of 2 groups has both classes"}
    assert scores["groups"] == 0


def test_rows_without_a_group_do_not_count_in_group_auc():
    label, prediction, weight = rows_of("auc", ties=True)
    group = np.random.default_rng(3).integers(-1, 300, len(label))
    mine = group >= 0
    assert 0 < mine.sum() < len(label)
    found = gauc(label, prediction, weight, group)
    rest = (label[mine], prediction[mine], weight[mine], group[mine])
    assert found == gauc(*rest)
    scores = score(BINARY, label, prediction, weight, group * 0 - 1)
    assert scores["gauc"] is None
    assert scores["why"] == {"gauc": f"none of {len(label)} rows has a group"}
    assert scores["groups"] == 0


def test_each_output_is_scored_on_the_rows_that_its_weight_counts():
    random = np.random.default_rng(4)
    rows = 1000
    click = (random.random(rows) < 0.4).astype("float32")
    buy = click * (random.random(rows) < 0.3).astype("float32")
    weights = {
        "click": (np.arange(rows) >= 50).astype("float32"),  # the first are unknown
        "buy": random.exponential(size=rows).astype("float32"),
    }
    weights["buy_given_click"] = weights["buy"] * click * (weights["click"] > 0)
    table = Table({}, {"click": click, "buy": buy}, weights)
    outputs = [
        Output("click", "click", BINARY),
        Output("buy", "buy", BINARY),
        Output("buy_given_click", "buy", BINARY, space="click", added_by_heads=True),
    ]
    predictions = {o.name: random.random(rows).astype("float32") for o in outputs}
    scores = score_outputs(outputs, table, predictions)

    clicked = (click == 1) & (np.arange(rows) >= 50)
    rows_by_output = {
        "click": weights["click"] > 0,
        "buy": np.full(rows, True),
        "buy_given_click": clicked,
    }
    assert list(scores) == list(rows_by_output)
    for output in outputs:
        mine = rows_by_output[output.name]
        y, w = table.labels[output.label][mine], weights[output.name][mine]
        p = predictions[output.name][mine]
        found = scores[output.name]
        assert found["auc"] == pytest.approx(SKLEARN["auc"](y, p, w), rel=1e-6)
        assert found["rows"] == mine.sum()
        assert found["positives"] == y.sum()
    assert scores["buy_given_click"]["auc"] != scores["buy"]["auc"]


OUTPUTS = [
    Output("click", "click", BINARY),
    Output("buy", "buy", BINARY),
    Output("amount", "amount", REGRESSION),
    Output("buy_given_click", "buy", BINARY, space="click", added_by_heads=True),
]
COUNTS = {"rows": 200, "positives": 50}
SCORES = {
    "click": COUNTS | {"auc": 0.8, "log_loss": 0.5, "pr_auc": 0.25},
    "buy": COUNTS | {"auc": 0.6, "log_loss": 0.125, "pr_auc": 0.5},
    "amount": {"rows": 50, "r2": 0.1, "rmse": 4.0, "mae": 3.0},
    "buy_given_click": COUNTS | {"auc": 0.0, "log_loss": 99.0, "pr_auc": 0.0},
}


@pytest.mark.parametrize(
    ("monitor", "outputs", "expected"),
    [
        ("mean", OUTPUTS, (0.8 + 0.6 + 0.1) / 3),
        ("click", OUTPUTS, 0.8),
        ("amount", OUTPUTS, 0.1),
        ("buy.pr_auc", OUTPUTS, 0.5),
        ("amount.rmse", OUTPUTS, -4.0),
        ("mean.log_loss", [o for o in OUTPUTS if o.name != "amount"], -0.3125),
    ],
)
def test_monitored_metric_is_turned_so_that_more_is_better(monitor, outputs, expected):
    metrics = monitored_metrics(monitor, outputs)
    assert monitored_value(metrics, SCORES) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("positives", "num_amounts", "weight_of_buy", "weight_of_amount"),
    [(10, 200, 0.2, 1), (190, 200, 0.2, 1), (0, 20, 0.02, 0.4), (100, 50, 1, 1)],
)
def test_tasks_with_few_validation_rows_count_less_in_the_monitored_mean(
    positives, num_amounts, weight_of_buy, weight_of_amount
):
    scores = SCORES | {
        "buy": SCORES["buy"] | {"positives": positives},
        "amount": SCORES["amount"] | {"rows": num_amounts},
    }
    expected = (0.8 + weight_of_buy * 0.6 + weight_of_amount * 0.1) / (
        1 + weight_of_buy + weight_of_amount
    )
    value = monitored_value(monitored_metrics("mean", OUTPUTS), scores)
    assert value == pytest.approx(expected)


@pytest.mark.parametrize(
    ("monitor", "outputs", "shown"),
    [
        ("auto", OUTPUTS, {"mean of -ne and r2, higher": -0.25}),
        ("auto", OUTPUTS[:2], {"mean ne, lower": 0.25}),
        ("mean", OUTPUTS[:2], {"mean auc, higher": -0.25}),
        ("click.log_loss", OUTPUTS, {"click log loss, lower": 0.25}),
        (
            "buy_now.log_loss",
            [Output("buy_now", "buy_now", BINARY)],
            {"buy_now log loss, lower": 0.25},
        ),
        ("click", OUTPUTS, {}),  # the AUC of click is shown anyway
        ("mean", OUTPUTS[:1], {}),
    ],
)
def test_monitored_metric_is_shown_by_its_name_without_its_turn(
    monitor, outputs, shown
):
    titles = {f"trainer.monitor ({name} is better)": x for name, x in shown.items()}
    assert monitored_score(monitored_metrics(monitor, outputs), -0.25) == titles


def test_monitored_metric_is_none_where_one_of_the_watched_is():
    scores = SCORES | {"buy": COUNTS | {"auc": None, "log_loss": 0.1}}

    def value(monitor, *left_out):
        metrics = monitored_metrics(monitor, OUTPUTS, left_out)
        return monitored_value(metrics, scores)

    assert value("mean") is None
    assert value("buy") is None
    assert value("click") == 0.8
    assert value("buy.log_loss") == -0.1
    assert value("mean", "buy") == pytest.approx((0.8 + 0.1) / 2)


def test_rows_of_one_prediction_share_the_bucket_of_the_first_of_them():
    # 40 rows make buckets of two rows. The rows of prediction 0.2 begin in the first.
    prediction = np.array([0.1, 0.2, 0.2, 0.3] + 36 * [1.0])
    label = np.array([1.0, 0.0, 0.0, 0.0] + 36 * [1.0])
    # |0.5 - 1| in the first bucket, |0.3 - 0| in the second, 0 in the third.
    assert ece(label, prediction, np.ones(40)) == pytest.approx((0.5 + 0.3) / 40)


def test_log_loss_of_classes_clips_the_probability_of_the_right_class():
    prediction = np.array([[1.0, 0.0], [1.0, 0.0], [1 - 1e-9, 1e-9]])
    largest = -math.log(1e-7)
    for rows, expected in (([0], 0), ([1], largest), ([2], largest)):
        label = np.array([0.0, 1.0, 1.0])[rows]
        loss = cross_entropy(label, prediction[rows], np.ones(len(rows)))
        assert loss == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("equal_weights", [True, False])
def test_rows_are_sorted_by_group_and_then_by_prediction(equal_weights):
    # Rows of equal weights and float32 predictions are sorted in another way.
    random = np.random.default_rng(11)
    group = random.choice([0, 1, 5, 2**31 - 1], 500)
    prediction = random.normal(size=500).round(1).astype("float32")
    prediction[:9] = [-np.inf, np.inf, 0.0, -0.0, 1e-45, -1e-45, 1.0, -1.0, 3e38]
    prediction = prediction.astype("float64")
    label = random.integers(0, 2, 500).astype("float64")
    weight = np.full(500, 2.0) if equal_weights else random.random(500)
    order = np.lexsort((label, prediction, group))
    y, p, w, g = sort_rows(label, prediction, weight, group)
    np.testing.assert_array_equal(g, group[order])
    np.testing.assert_array_equal(p, prediction[order])
    # Rows that are equal in group and prediction may come in any order.
    resorted = np.lexsort((y, p, g))
    np.testing.assert_array_equal(y[resorted], label[order])
    assert sorted(zip(g, p, y, w, strict=True)) == sorted(
        zip(group, prediction, label, weight, strict=True)
    )


def test_ordered_bits_have_the_order_of_their_floats_and_give_them_back():
    ascending = [-np.inf, -3e38, -1.0, -1e-45, 0.0, 1e-45, 1.0, 3e38, np.inf]
    floats = np.array(ascending, "float32").astype("float64")
    bits = ordered_bits(floats)
    assert (np.diff(bits.astype("int64")) > 0).all()
    np.testing.assert_array_equal(floats_of(bits), floats)
    assert ordered_bits(np.array([-0.0])) == ordered_bits(np.array([0.0]))


def test_metrics_say_what_is_better_and_what_they_take():
    kinds = {
        metric for task in (BINARY, REGRESSION, MULTICLASS) for metric in task.METRICS
    }
    directions = {metric.name: metric.direction for metric in kinds}
    assert directions == {
        **dict.fromkeys(["auc", "pr_auc", "gauc", "macro_auc", "accuracy", "r2"], 1),
        **dict.fromkeys(["log_loss", "ne", "ece", "rmse", "mae"], -1),
        "pcoc": 0,
    }
    assert {metric.name for metric in kinds if metric.grouped} == {"gauc"}
    several = {metric for metric in kinds if metric.several_predictions}
    assert several == set(MULTICLASS.METRICS)


def test_normalized_entropy_is_the_log_loss_over_that_of_a_constant():
    y, w = np.array([1.0, 0, 0, 1]), np.array([1.0, 2, 1, 4])
    share = np.full(4, 5 / 8)
    assert normalized_entropy(y, share, w) == pytest.approx(1)
    p = np.array([0.9, 0.2, 0.4, 0.8])
    expected = log_loss(y, p, w) / log_loss(y, share, w)
    assert normalized_entropy(y, p, w) == pytest.approx(expected)
    both = np.stack([1 - p, p], axis=1)
    assert normalized_cross_entropy(y, both, w) == pytest.approx(expected)
    with pytest.raises(UndefinedError, match="one class only: all 2 rows"):
        normalized_entropy(np.ones(2), np.full(2, 0.5), np.ones(2))


def test_value_that_is_not_finite_is_undefined():
    rows = [np.zeros(2)] * 3
    for value in (math.nan, math.inf):
        with pytest.raises(UndefinedError, match=f"of this metric is {value}"):
            Metric("odd", lambda *columns, x=value: x, direction=1)(*rows)


def test_number_of_numpy_becomes_a_number_that_json_holds():
    middle = metric(direction=-1, name="middle")(lambda label, *_: np.median(label))
    value = middle(np.ones(3, "float32"), np.ones(3), np.ones(3))
    assert (type(value), value) == (float, 1.0)
