"""Sampling errors of metrics, against brute force, formulas and known truths."""

import numpy as np
import pytest
from scipy.stats import norm, t

from mtl_cli.metrics.auc import auc, gauc, group_aucs, macro_auc, pr_auc
from mtl_cli.metrics.classes import accuracy
from mtl_cli.metrics.classes import quadratic_weighted_kappa as qwk
from mtl_cli.metrics.log_loss import log_loss
from mtl_cli.metrics.metric import Floats, Metric
from mtl_cli.metrics.regression import mae, r2, rmse
from mtl_cli.statistics import sampling_error as module
from mtl_cli.statistics.delong import auc_influence, macro_auc_influence
from mtl_cli.statistics.sampling_error import (
    SamplingError,
    bootstrap_error,
    interval,
    sampling_error,
)
from mtl_cli.statistics.sampling_units import sampling_units


def scored(
    rows: int, seed: int, distance: float = 1.0
) -> tuple[Floats, Floats, Floats]:
    """Labels, predictions and weights; the AUC is Phi(distance / sqrt 2)."""
    random = np.random.default_rng(seed)
    label = (random.random(rows) < 0.3).astype("float64")
    score = random.normal(size=rows) + distance * label
    return label, 1 / (1 + np.exp(-score)), np.ones(rows)


def test_delong_is_the_variance_over_all_pairs() -> None:
    label, prediction, weight = scored(60, seed=0)
    prediction = prediction.round(1)  # with ties
    positives, negatives = prediction[label == 1], prediction[label == 0]
    wins = (positives[:, None] > negatives) + 0.5 * (positives[:, None] == negatives)
    variance = wins.mean(1).var(ddof=1) / len(positives)
    variance += wins.mean(0).var(ddof=1) / len(negatives)
    for scale in (1, 3):  # equal weights do not matter
        error = sampling_error(auc, [label, prediction, scale * weight])
        assert error is not None
        assert error.standard_error == pytest.approx(np.sqrt(variance), rel=1e-12)
        assert error.method == "delong"


def scored_classes(rows: int, seed: int, classes: int = 3) -> list[Floats]:
    """Labels of classes of unequal sizes, their predictions, and weights."""
    random = np.random.default_rng(seed)
    shares = np.arange(1, classes + 1) / np.arange(1, classes + 1).sum()
    label = random.choice(classes, rows, p=shares)
    score = random.normal(size=(rows, classes)) + np.eye(classes)[label]
    score[:, 0] += 0.8 * (label == 1)  # class 1 is taken for class 0 more than others
    return [label.astype("float64"), score, np.ones(rows)]


def test_error_of_macro_auc_with_two_classes_is_delongs() -> None:
    label, prediction, weight = scored(60, seed=0)
    prediction = prediction.round(1)  # with ties
    both = np.stack([1 - prediction, prediction], axis=1)
    error = sampling_error(macro_auc, [label, both, weight])
    expected = sampling_error(auc, [label, prediction, weight])
    assert error is not None and expected is not None
    assert error.standard_error == pytest.approx(expected.standard_error, rel=1e-9)
    assert error.method == "delong"


@pytest.mark.parametrize("classes", [2, 3])
def test_influence_of_a_row_is_what_the_auc_gains_by_its_weight(classes: int) -> None:
    label, prediction, weight = scored_classes(80, seed=5, classes=classes)
    weight += np.arange(80) % 3
    metric, influence_on = macro_auc, macro_auc_influence
    if classes == 2:
        prediction = prediction[:, 1].round(1)  # with ties
        metric, influence_on = auc, auc_influence
    step, expected = 1e-6, []
    for row in range(80):
        heavier = weight * (1 + step * (np.arange(80) == row))
        gain = metric(label, prediction, heavier) - metric(label, prediction, weight)
        expected.append(gain / step)
    value, influence = influence_on(label, prediction, weight)
    assert value == pytest.approx(metric(label, prediction, weight), rel=1e-12)
    np.testing.assert_allclose(influence, expected, atol=1e-7)


@pytest.mark.slow
def test_error_of_macro_auc_is_that_of_the_bootstrap() -> None:
    for classes, weights in ((3, [1]), (6, [1]), (3, [1, 2, 5])):
        columns = scored_classes(2000, seed=6, classes=classes)
        columns[2] = np.resize(np.array(weights, "float64"), 2000)
        error = sampling_error(macro_auc, columns)
        resampled = bootstrap_error(macro_auc, columns)
        assert error is not None and resampled is not None
        # 3 sigma of 200 samples
        assert error.standard_error == pytest.approx(resampled.standard_error, rel=0.15)


def test_error_of_macro_auc_is_how_it_varies_over_data_sets() -> None:
    sets = [scored_classes(400, seed) for seed in range(300)]
    errors = [sampling_error(macro_auc, columns) for columns in sets]
    variances = [error.standard_error**2 for error in errors if error is not None]
    assert len(variances) == 300
    spread = np.std([macro_auc(*columns) for columns in sets], ddof=1)
    assert np.sqrt(np.mean(variances)) == pytest.approx(spread, rel=0.12)  # 3 sigma


def test_macro_auc_without_a_known_error_has_none() -> None:
    label, prediction, weight = scored_classes(300, seed=7)
    few = np.flatnonzero((label != 0) | (np.cumsum(label == 0) <= 4))
    columns = [x[few] for x in (label, prediction, weight)]
    assert sampling_error(macro_auc, columns) is None
    certain = np.eye(3)[label.astype("int64")]
    assert sampling_error(macro_auc, [label, certain, weight]) is None  # macro AUC 1
    one_class = np.ones(300)
    assert sampling_error(macro_auc, [one_class, prediction, weight]) is None


def test_interval_of_an_auc_is_symmetric_in_its_logit() -> None:
    low, high = interval(0.9, SamplingError(0.05, 0.0, "delong"))
    logit = np.log([low / (1 - low), 9, high / (1 - high)])
    logit[1] = np.log(9)
    reach = norm.ppf(0.975) * 0.05 / 0.09
    assert np.diff(logit) == pytest.approx([reach, reach])


def test_interval_of_the_bootstrap_takes_off_the_bias() -> None:
    low, high = interval(0.5, SamplingError(0.1, 0.2, "bootstrap"))
    assert (low + high) / 2 == pytest.approx(0.3)
    assert high - low == pytest.approx(2 * norm.ppf(0.975) * 0.1)


def test_interval_is_cut_at_the_limits_of_the_metric() -> None:
    label = np.append(np.arange(40.0), 900.0)
    prediction = np.append(np.full(40, 19.0), 880.0)
    columns = [label, prediction, np.ones(41)]
    error = sampling_error(r2, columns)
    assert error is not None
    assert interval(r2(*columns), error)[1] == 1


@pytest.mark.parametrize(("rows", "distinct"), [(1000, 1 - np.exp(-1)), (4000, 0.885)])
def test_bias_is_how_far_the_bootstrap_is_off(
    rows: int, distinct: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bootstrap sample of 1,000 rows holds fewer different rows than its size."""
    monkeypatch.setattr(module, "MAX_SAMPLE_ROWS", 1000)

    def share_of_different_rows(numbers: Floats) -> float:
        return len(np.unique(numbers)) / len(numbers)

    share = Metric("share", share_of_different_rows, direction=1)
    error = bootstrap_error(share, [np.arange(rows)])
    assert error is not None
    scale = np.sqrt(1000 / rows)
    assert error.bias == pytest.approx(scale * (distinct - 1), abs=0.003)


def test_order_of_the_rows_does_not_change_the_error() -> None:
    columns = [*scored(500, seed=9)]
    group = np.arange(500) % 50
    order = np.random.default_rng(1).permutation(500)
    shuffled = [column[order] for column in columns]
    for metric, groups in ((pr_auc, None), (log_loss, None), (gauc, group)):
        error = sampling_error(metric, columns, groups)
        error_of_shuffled = sampling_error(
            metric, shuffled, None if groups is None else groups[order]
        )
        assert error is not None and error_of_shuffled is not None
        assert error_of_shuffled[:2] == pytest.approx(error[:2], rel=1e-9)


def test_metric_that_is_the_same_in_all_samples_has_no_error() -> None:
    label = np.arange(60) % 3.0
    of_one_class = np.tile([0.1, 0.3, 0.6], (60, 1))
    perfect = np.eye(3)[np.arange(60) % 3]
    rng = np.random.default_rng(0)
    weight = rng.uniform(0.1, 1, 60)
    assert qwk(label, of_one_class, weight) == 0
    assert sampling_error(qwk, [label, of_one_class, weight]) is None
    assert sampling_error(accuracy, [label, perfect, weight]) is None
    error = sampling_error(accuracy, [label, of_one_class, weight])
    assert error is not None and error.standard_error > 0.01


def test_unknown_error_has_no_interval() -> None:
    label, prediction, weight = (x[:200] for x in scored(1000, seed=4))
    few = np.flatnonzero((label == 0) | (np.cumsum(label) <= 4))
    assert sampling_error(auc, [x[few] for x in (label, prediction, weight)]) is None
    assert sampling_error(auc, [label, label, weight]) is None  # AUC 1
    assert sampling_error(auc, [label, 1 - label, weight]) is None  # AUC 0
    few_rows = [x[:19] for x in (label, prediction, weight)]
    assert sampling_error(log_loss, few_rows) is None
    few_groups = np.arange(1000) % 20 - 1  # 19 groups, and rows without a group
    label, prediction, weight = columns = list(scored(1000, seed=4))
    assert sampling_error(gauc, columns, few_groups) is None
    assert sampling_error(gauc, columns, few_groups + 1) is not None
    assert sampling_error(gauc, columns) is None
    # A group of one class does not count in the metric.
    one_class = [np.where(few_groups == 0, 0, label), prediction, weight]
    assert sampling_error(gauc, one_class, few_groups + 1) is None


@pytest.mark.parametrize("rows", [1000, 3000])
def test_bootstrap_of_a_mean_is_its_standard_error(
    rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_SAMPLE_ROWS", 1500)
    label, prediction, weight = scored(rows, seed=1)
    losses = -np.log(np.where(label == 1, prediction, 1 - prediction))
    error = sampling_error(log_loss, [label, prediction, weight])
    assert error is not None
    expected = losses.std(ddof=1) / np.sqrt(rows)
    assert error.standard_error == pytest.approx(expected, rel=0.15)  # 3 sigma of 200


def test_error_of_a_weighted_auc_is_how_it_varies_over_data_sets() -> None:
    random, sets = np.random.default_rng(2), []
    for seed in range(400):
        label, prediction, weight = scored(400, seed)
        # Heavy rows are easier than light ones, and positive rows heavier.
        weight = np.exp(random.normal(size=400)) * (1 + label)
        prediction = np.where(weight > 3, prediction, prediction**0.5)
        sets.append([label, prediction, weight])
    errors = [sampling_error(auc, columns) for columns in sets]
    variances = [error.standard_error**2 for error in errors if error is not None]
    assert len(variances) == 400
    spread = np.std([auc(*columns) for columns in sets], ddof=1)
    # Three standard errors of a deviation from 400 values are 11 %.
    assert np.sqrt(np.mean(variances)) == pytest.approx(spread, rel=0.11)


def test_group_that_is_drawn_twice_counts_as_two_groups() -> None:
    units = sampling_units(7, np.array([2, 0, 7, 2, 5, 0, 2]))
    random = np.random.default_rng(0)
    for _ in range(50):
        rows, numbers = units.draw_copies(4, random)
        assert numbers.tolist() == sorted(numbers) and {*numbers} == {0, 1, 2, 3}
        for number in range(4):
            own = rows[numbers == number]
            (unit,) = set(units.unit_of_row[own].tolist())
            assert own.tolist() == np.flatnonzero(units.unit_of_row == unit).tolist()


def test_error_of_an_own_metric_of_groups_needs_no_classes() -> None:
    def mean_label(label, prediction, weight, group):
        return float(label.mean())

    own = Metric("mean_label", mean_label, direction=-1, grouped=True)
    label = np.arange(30.0)  # no two classes in a group
    error = sampling_error(own, [label, label, np.ones(30)], np.arange(30))
    assert error is not None
    assert error.standard_error == pytest.approx(label.std() / np.sqrt(30), rel=0.2)
    for few in (np.zeros(30, int), np.arange(30) % 19, np.arange(30) - 11):
        assert sampling_error(own, [label, label, np.ones(30)], few) is None


def test_error_of_group_auc_is_that_of_its_groups() -> None:
    """With copies of each row within its group, only the number of groups counts."""
    random = np.random.default_rng(3)
    group = np.repeat(np.arange(200), 4)
    label = np.tile([0.0, 1.0, 0.0, 1.0], 200)
    prediction = random.normal(size=800) + label
    columns = [label, prediction, np.ones(800)]
    error = sampling_error(gauc, columns, group)
    repeated = sampling_error(
        gauc, [np.repeat(x, 5) for x in columns], np.repeat(group, 5)
    )
    assert error is not None and repeated is not None
    assert repeated.standard_error == pytest.approx(error.standard_error, rel=1e-9)
    by_group = [
        auc(label[i : i + 4], prediction[i : i + 4], np.ones(4))
        for i in range(0, 800, 4)
    ]
    expected = np.std(by_group, ddof=1) / np.sqrt(200)
    assert error.standard_error == pytest.approx(expected, rel=0.15)


def scored_of_users(users: int, seed: int) -> tuple[list[Floats], Floats]:
    """Labels, predictions and weights of users whose effect is not known to a model.

    Returns: the columns, and the user of each row. Users have 1 to 20 rows.
    """
    random = np.random.default_rng(seed)
    group = np.repeat(np.arange(users), random.integers(1, 21, users))
    score = random.normal(size=len(group))
    logit = score + random.normal(size=users)[group]
    label = (random.random(len(group)) < 1 / (1 + np.exp(-logit))).astype("float64")
    weight = random.integers(1, 4, len(group)).astype("float64")
    return [label, 1 / (1 + np.exp(-score)), weight], group


def test_error_of_an_auc_of_groups_is_that_of_their_summed_influences() -> None:
    columns, group = scored_of_users(80, seed=1)
    has_both = [len(np.unique(columns[0][group == g])) == 2 for g in range(80)]
    chosen = np.isin(group, np.flatnonzero(has_both))
    columns, group = [column[chosen] for column in columns], group[chosen]
    num = sum(has_both)
    value, influence = auc_influence(*columns)
    sums = np.array([influence[group == g].sum() for g in np.unique(group)])
    expected = np.sqrt(num / (num - 1) * (sums**2).sum())
    error = sampling_error(auc, columns, group)
    assert error is not None
    assert error.standard_error == pytest.approx(expected, rel=1e-9)
    assert error.degrees_of_freedom == num - 1
    reach = t.ppf(0.975, num - 1) * expected / (value * (1 - value))
    low, high = interval(value, error)
    assert np.log(high / (1 - high)) - np.log(low / (1 - low)) == pytest.approx(
        2 * reach
    )


def test_groups_of_one_class_count_in_the_error_of_an_auc() -> None:
    """Groups of copies of one row have the error of these rows."""
    columns = list(scored(60, seed=0))
    copies = np.arange(60) % 4 + 1
    columns[2] = copies * 1.0
    repeated = [np.repeat(x, copies) for x in (*columns[:2], np.ones(60))]
    error = sampling_error(auc, repeated, np.repeat(np.arange(60), copies))
    expected = sampling_error(auc, columns)
    assert error is not None and expected is not None
    assert error.standard_error == pytest.approx(expected.standard_error, rel=1e-9)


def test_error_of_a_mean_of_groups_is_that_of_their_summed_losses() -> None:
    (_, prediction, weight), group = scored_of_users(300, seed=2)
    label = prediction + np.random.default_rng(0).normal(size=300)[group]
    losses = np.abs(label - prediction)
    influence = weight * (losses - np.average(losses, weights=weight)) / weight.sum()
    expected = np.sqrt(np.sum(np.bincount(group, influence) ** 2))
    assert expected > 2 * np.sqrt(np.sum(influence**2))  # the error for single rows
    error = sampling_error(mae, [label, prediction, weight], group)
    assert error is not None
    assert error.standard_error == pytest.approx(expected, rel=0.15)  # 3 sigma of 200
    assert error.degrees_of_freedom == 299


@pytest.mark.parametrize("metric", [auc, log_loss, pr_auc])
def test_groups_of_one_row_have_the_error_of_rows(metric: Metric) -> None:
    columns, _ = scored_of_users(60, seed=3)
    group = np.random.default_rng(0).permutation(len(columns[0])) - 1
    expected = sampling_error(metric, columns)
    assert sampling_error(metric, columns, group) == expected is not None


def test_few_groups_have_no_known_error() -> None:
    columns, group = scored_of_users(20, seed=4)
    assert sampling_error(log_loss, columns, group) is not None
    assert sampling_error(log_loss, columns, np.minimum(group, 18)) is None
    assert sampling_error(auc, columns, group % 5) is not None
    assert sampling_error(auc, columns, group % 4) is None


def coverage(trials: int) -> dict[str, float]:
    """The share of data sets whose intervals hold the true AUC, log loss and RMSE."""
    distance = 1.0
    true_auc = norm.cdf(distance / np.sqrt(2))
    label, prediction, weight = scored(2_000_000, seed=10**6)
    true = {
        auc: true_auc,
        log_loss: log_loss(label, prediction, weight),
        rmse: rmse(label, prediction, weight),
    }
    held = dict.fromkeys(true, 0)
    for seed in range(trials):
        columns = scored(600, seed)
        for metric, truth in true.items():
            error = sampling_error(metric, list(columns))
            assert error is not None
            low, high = interval(metric(*columns), error)
            held[metric] += low < truth < high
    return {metric.name: count / trials for metric, count in held.items()}


@pytest.mark.slow
def test_intervals_hold_the_truth_in_95_percent_of_600_data_sets() -> None:
    for name, share in coverage(600).items():
        assert 0.93 <= share <= 0.97, name


def test_error_of_few_large_groups_is_that_of_their_values(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A sample of the bootstrap has whole groups, here a single one of 25."""
    monkeypatch.setattr(module, "MAX_SAMPLE_ROWS", 100)
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(25), 400)
    label = (rng.random(len(group)) < 0.3).astype("float64")
    strength = np.repeat(rng.uniform(0, 2, 25), 400)
    prediction = rng.normal(size=len(group)) + strength * label
    columns = [label, prediction, np.ones(len(group))]
    aucs, _ = group_aucs(*columns, group)
    error = sampling_error(gauc, columns, group)
    assert error is not None
    expected = np.std(aucs, ddof=1) / 5
    assert error.standard_error == pytest.approx(expected, rel=0.25)
