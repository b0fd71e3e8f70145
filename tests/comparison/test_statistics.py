"""The statistics of a comparison, against SciPy and against planted truth."""

import numpy as np
import pytest
from helpers.slow import slow_except
from scipy import stats
from sklearn.metrics import roc_auc_score

from mtl_cli.comparison.intervals import mean_interval
from mtl_cli.comparison.predictions import Rows, UnusableError
from mtl_cli.comparison.predictions_by_metric import make_predictions
from mtl_cli.comparison.seed_tests import (
    Noise,
    paired_difference,
    pooled_noise,
    seed_test,
    values_to_test,
)
from mtl_cli.metrics.auc import auc, gauc
from mtl_cli.metrics.log_loss import log_loss
from mtl_cli.metrics.metric import Floats, Metric
from mtl_cli.metrics.regression import mae, rmse
from mtl_cli.statistics import significance
from mtl_cli.statistics.delong import auc_influence, error_and_degrees
from mtl_cli.statistics.sampling_error import RESAMPLES
from mtl_cli.statistics.sampling_units import sampling_units
from mtl_cli.statistics.significance import holm, quantile

SEEDS = 5


def test_mean_interval_is_students() -> None:
    values = [0.91, 0.93, 0.92, 0.95]
    result = mean_interval(values)
    low, high = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    assert result.mean - result.half_width == pytest.approx(low)
    assert result.mean + result.half_width == pytest.approx(high)
    assert mean_interval([0.9]).half_width is None


def test_paired_difference_is_over_the_seeds_of_both() -> None:
    a, b = {1: 0.9, 2: 0.8, 7: 0.1}, {2: 0.7, 1: 0.7, 9: 0.5}
    result = paired_difference(a, b)
    assert result.num_values == 2
    assert result.mean == pytest.approx(0.15)
    assert paired_difference({1: 0.9}, {2: 0.9}) is None


def test_two_configurations_are_tested_as_student_does() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=5), rng.normal(size=4)
    result, expected = seed_test(list(a), list(b)), stats.ttest_ind(a, b)
    assert result.p_value == pytest.approx(expected.pvalue)
    interval = expected.confidence_interval(0.95)
    assert result.difference + result.half_width == pytest.approx(interval.high)


def test_noise_of_other_configurations_counts_only_if_it_is_alike() -> None:
    a, b = [0.0, 1.0, 2.0], [1.0, 2.0, 3.0]
    alike, quiet = pooled_noise([[5.0, 6.0, 7.0]]), pooled_noise([[5.0, 5.001, 5.002]])
    loud = pooled_noise([[0.0, 100.0, 200.0]])
    assert seed_test(a, b).degrees_of_freedom == 4
    assert seed_test(a, b, alike).degrees_of_freedom == 6
    assert seed_test(a, b, quiet).degrees_of_freedom == 4
    assert seed_test(a, b, loud).degrees_of_freedom == 4


def test_noise_is_compared_by_an_f_test_of_the_two_over_the_others() -> None:
    a, b = [0.0, 1.0, 2.0], [0.0, 1.0, 2.0]  # variance 1 with 4 degrees of freedom
    for ratio, is_pooled in ((1.5, True), (2.0, False), (0.12, True), (0.09, False)):
        p = stats.f.sf(ratio, 4, 20)
        assert is_pooled == (0.2 <= p <= 0.98)
        others = Noise(20 / ratio, 20)
        freedom = seed_test(a, b, others).degrees_of_freedom
        assert freedom == (24 if is_pooled else 4)


def test_no_noise_at_all_makes_any_difference_certain() -> None:
    assert seed_test([0.5, 0.5], [0.5, 0.5]).p_value == 1
    assert seed_test([0.6, 0.6], [0.5, 0.5]).p_value == 0
    assert seed_test([0.6], [0.5, 0.5]) is None


def test_holm_equals_its_definition() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []


def share_found(gap: float, configurations: int, repetitions: int = 4000) -> float:
    """How often two of several configurations are called different."""
    rng = np.random.default_rng(1)
    result = 0
    for _ in range(repetitions):
        x = rng.normal(size=(configurations, SEEDS))
        x[1] += gap
        others = pooled_noise(list(x[2:]))
        result += seed_test(list(x[1]), list(x[0]), others).p_value < 0.05
    return result / repetitions


@pytest.mark.parametrize("configurations", slow_except([3], [2, 3, 6]))
def test_equal_configurations_are_called_different_in_5_percent(
    configurations: int,
) -> None:
    # Two standard errors of a share of 0.05 in 4,000 are 0.007.
    assert 0.03 < share_found(0, configurations) < 0.057


@pytest.mark.parametrize(
    ("configurations", "power"),
    [
        (2, 0.79),
        pytest.param(3, 0.80, marks=pytest.mark.slow),
        pytest.param(6, 0.81, marks=pytest.mark.slow),
    ],
)
def test_a_gap_of_two_deviations_is_found_with_five_seeds(
    configurations: int, power: float
) -> None:
    # 0.79 is the exact power of Student's test with 8 degrees of freedom. No unbiased
    # test exceeds this power, but the noise of other configurations adds to it.
    assert share_found(2, configurations) == pytest.approx(power, abs=0.02)


def test_a_test_paired_by_seed_would_find_that_gap_less_often() -> None:
    # Why the interval that is shown, of paired differences, does not decide.
    x = np.random.default_rng(10).normal(size=(2, 4000, SEEDS))
    result = stats.ttest_rel(x[0] + 2, x[1], axis=1).pvalue < 0.05
    assert result.mean() == pytest.approx(0.66, abs=0.02)


def test_unequal_seeds_are_tested_on_those_of_both_and_hold_5_percent() -> None:
    rng = np.random.default_rng(9)
    wrong = 0
    for _ in range(2000):
        x = rng.normal(size=(4, SEEDS))
        every, few = ({s: float(v) for s, v in enumerate(row)} for row in x[:2])
        few = {s: few[s] for s in (1, 2, 3)}
        a, b = values_to_test(few, every)
        assert len(a) == len(b) == 3
        wrong += seed_test(a, b, pooled_noise(list(x[2:]))).p_value < 0.05
    # Two standard errors of a share of 0.05 in 2,000 are 0.01.
    assert 0.03 < wrong / 2000 < 0.06


@pytest.mark.slow
def test_unequal_noise_does_not_make_false_differences_common() -> None:
    rng = np.random.default_rng(2)
    for deviations in ([1, 3, 1, 1, 1, 1], [1, 1, 3, 3, 3, 3], [2, 2, 1, 1, 1, 1]):
        wrong = 0
        for _ in range(2000):
            x = rng.normal(size=(6, SEEDS)) * np.array(deviations)[:, None]
            test = seed_test(list(x[1]), list(x[0]), pooled_noise(list(x[2:])))
            wrong += test.p_value < 0.05
        assert wrong / 2000 < 0.09, deviations


def two_models(
    rng: np.random.Generator, rows: int, gap: float, seeds: int = 1
) -> tuple:
    """Labels, and scores of two models whose signal differs by a gap."""
    label = (rng.random(rows) < 0.3).astype("float64")
    shared = rng.normal(size=rows)
    signal = [label * strength for strength in (1.0 + gap, 1.0)]
    scores = [
        [s + shared + 0.5 * rng.normal(size=rows) for _ in range(seeds)] for s in signal
    ]
    return label, *scores


def delong_of_two(
    label: Floats, a: list[Floats], b: list[Floats], weight: Floats | None = None
) -> significance.DifferenceTest:
    """Tests the AUCs of two models of several seeds each, as `mtl-compare` does."""
    numbers = np.arange(len(label))
    weight = np.ones(len(label)) if weight is None else weight
    rows = Rows(numbers, label, weight, np.full(len(label), -1))
    return make_predictions(auc, rows, a).test(make_predictions(auc, rows, b))


def test_auc_of_delong_counts_ties_half() -> None:
    rng = np.random.default_rng(3)
    label = (rng.random(500) < 0.3).astype("float64")
    score = np.round(rng.normal(size=500) + label, 1)
    value, _ = auc_influence(label, score, np.ones(500))
    assert value == pytest.approx(roc_auc_score(label, score), abs=1e-12)


def test_delong_of_several_seeds_tests_their_mean() -> None:
    label, seeds, others = two_models(np.random.default_rng(4), 60, 0.3, seeds=3)
    weight = np.ones(60)
    each = [
        auc_influence(label, a, weight)[1] - auc_influence(label, b, weight)[1]
        for a, b in zip(seeds, others, strict=True)
    ]
    influence = np.mean(each, axis=0)
    error, _ = error_and_degrees(label, influence, sampling_units(60, None))
    test = delong_of_two(label, seeds, others)
    factor = quantile(test.degrees_of_freedom)
    assert test.half_width == pytest.approx(factor * error, rel=1e-5)


def test_delong_variance_equals_the_definition_over_all_pairs() -> None:
    label, (a,), (b,) = two_models(np.random.default_rng(4), 120, 0.3)
    test = delong_of_two(label, [a], [b])
    wins = []
    for score in (a, b):
        gap = score[label == 1][:, None] - score[label == 0][None, :]
        wins.append((gap > 0) + 0.5 * (gap == 0))
    pairs = wins[0] - wins[1]
    above, below = pairs.mean(axis=1), pairs.mean(axis=0)
    variance = above.var(ddof=1) / len(above) + below.var(ddof=1) / len(below)
    assert test.difference == pytest.approx(pairs.mean())
    welch = stats.ttest_ind(above, below, equal_var=False)
    assert test.degrees_of_freedom == pytest.approx(welch.df)
    factor = quantile(welch.df)
    assert test.half_width == pytest.approx(factor * np.sqrt(variance), rel=1e-5)


@pytest.mark.parametrize("positives", slow_except([5], [5, 10, 20]))
def test_few_positives_call_equal_models_different_in_at_most_5_percent(
    positives: int,
) -> None:
    rng = np.random.default_rng(9)
    label = np.r_[np.ones(positives), np.zeros(500)]
    wrong, repetitions = 0, 600
    for _ in range(repetitions):
        shared = 1.2 * label + 0.7 * rng.normal(size=len(label))
        a, b = (shared + 0.7 * rng.normal(size=len(label)) for _ in range(2))
        wrong += delong_of_two(label, [a], [b]).p_value < 0.05
    # Two standard errors of a share of 0.05 in 600 are 0.018. By the normal
    # distribution, 5 positives give 0.095.
    assert wrong / repetitions < 0.068


def test_few_rows_or_aucs_without_an_error_are_not_tested() -> None:
    def reason(label: list[float], a: list[float], b: list[float]) -> str:
        labels = np.array(label)
        with pytest.raises(UnusableError) as error:
            delong_of_two(labels, [np.array(a)], [np.array(b)])
        return str(error.value)

    label = [1.0, 0.0] * 6
    assert "AUCs 1 and 0 an error" in reason(label, label, [1 - x for x in label])
    assert "AUCs 0.5 and 1 an error" in reason(label, [0.5] * 12, label)
    assert "fewer than 5 test rows" in reason(label[:8], label[:8], label[:8])
    rows = Rows(np.arange(19), np.ones(19), np.ones(19), np.full(19, -1))
    of_a, of_b = (make_predictions(rmse, rows, [np.full(19, x)]) for x in (2.0, 3.0))
    with pytest.raises(UnusableError, match="fewer than 20 test rows"):
        of_a.test(of_b)
    own = Metric("cost_by_user", mae.function, direction=-1, grouped=True)
    with pytest.raises(UnusableError, match="no test fits cost_by_user, a metric of"):
        make_predictions(own, rows, [])


def test_bootstrap_counts_the_rows_without_the_most_frequent_label() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.lognormal(size=(2, 400))

    def test_of(num_above_0: int) -> significance.DifferenceTest:
        label = np.where(np.arange(400) < num_above_0, rng.lognormal(size=400), 0.0)
        rows = Rows(np.arange(400), label, np.ones(400), np.full(400, -1))
        of_a, of_b = (make_predictions(rmse, rows, [x]) for x in (a, b))
        return of_a.test(of_b)

    assert test_of(5).degrees_of_freedom == 5
    with pytest.raises(UnusableError, match="fewer than 5 test rows have another"):
        test_of(4)


def test_bootstrap_of_few_rows_agrees_with_the_t_test() -> None:
    rng = np.random.default_rng(10)
    label, a, b = rng.normal(size=(3, 25))
    rows = Rows(np.arange(25), label, np.ones(25), np.full(25, -1))
    of_a, of_b = (make_predictions(mae, rows, [x]) for x in (a, b))
    expected = stats.ttest_rel(abs(label - a), abs(label - b))
    assert of_a.test(of_b).p_value == pytest.approx(expected.pvalue, abs=0.05)
    assert of_a.test(of_b).degrees_of_freedom == 24


# Rows with label 0 of a 1 in 10 sample; weights of a heavy tail; heavy rows that both
# models rank too high.
WEIGHTS = {
    "equal": lambda rng, label, shared: np.ones(len(label)),
    "sample": lambda rng, label, shared: np.where(label == 1, 1.0, 10.0),
    "heavy tail": lambda rng, label, shared: np.exp(rng.normal(size=len(label))),
    "of the score": lambda rng, label, shared: np.exp(0.7 * shared),
}


@pytest.mark.slow
@pytest.mark.parametrize("weights", WEIGHTS)
def test_delong_calls_equal_models_different_in_5_percent_of_test_sets(
    weights: str,
) -> None:
    rng = np.random.default_rng(5)
    wrong, repetitions = 0, 2000
    for _ in range(repetitions):
        label = (rng.random(400) < 0.3).astype("float64")
        shared = rng.normal(size=400)
        weight = WEIGHTS[weights](rng, label, shared)
        a, b = (
            [label + shared + own + 0.2 * rng.normal(size=400) for _ in range(2)]
            for own in 0.5 * rng.normal(size=(2, 400))
        )
        wrong += delong_of_two(label, a, b, weight).p_value < 0.05
    # Three standard errors of a share of 0.05 in 2,000 are 0.015.
    assert 0.035 < wrong / repetitions < 0.065


def test_bootstrap_agrees_with_the_normal_theory_of_a_mean() -> None:
    label, (a,), (b,) = two_models(np.random.default_rng(6), 3000, 0.2)
    a, b = (1 / (1 + np.exp(-x)) for x in (a, b))
    rows = Rows(np.arange(3000), label, np.ones(3000), np.full(3000, -1))
    test = make_predictions(log_loss, rows, [a]).test(
        make_predictions(log_loss, rows, [b])
    )
    losses = [-(label * np.log(p) + (1 - label) * np.log1p(-p)) for p in (a, b)]
    error = stats.sem(losses[0] - losses[1])
    # 200 draws give a standard error to within 5 %; three of those.
    assert test.half_width == pytest.approx(1.96 * error, rel=0.15)


@pytest.mark.slow
def test_bootstrap_of_weighted_rows_calls_equal_models_different_in_5_percent() -> None:
    rng = np.random.default_rng(12)
    wrong, repetitions = 0, 400
    for _ in range(repetitions):
        label = (rng.random(400) < 0.3).astype("float64")
        shared = rng.normal(size=400)
        no_group = np.full(400, -1)
        rows = Rows(np.arange(400), label, np.exp(0.7 * shared), no_group)
        a, b = (
            1 / (1 + np.exp(1 - label - shared - own))
            for own in 0.5 * rng.normal(size=(2, 400))
        )
        test = make_predictions(log_loss, rows, [a]).test(
            make_predictions(log_loss, rows, [b])
        )
        wrong += test.p_value < 0.05
    # The standard error of a share of 0.05 in 400 is 0.011.
    assert 0.035 < wrong / repetitions < 0.065


def models_of_users(
    rng: np.random.Generator, users: int = 60
) -> tuple[Rows, Floats, Floats]:
    """Two models that are equally good over all users, but good for different users.

    Users have 2 to 20 rows, with weights, and some rows have no user.
    """
    group = np.repeat(np.arange(users), rng.integers(2, 20, users))
    count = len(group)
    label = (rng.random(count) < 0.4).astype("float64")
    group_of_row = np.where(rng.random(count) < 0.05, -1, group)
    rows = Rows(np.arange(count), label, rng.integers(1, 4, count) * 1.0, group_of_row)
    shared = rng.normal(size=count)
    strengths = np.exp(rng.normal(size=(2, users)) / 2)[:, group]
    a, b = (label * s + shared + 0.3 * rng.normal(size=count) for s in strengths)
    return rows, a, b


@pytest.mark.slow
def test_group_auc_is_tested_as_whole_groups_vary() -> None:
    rows, a, b = models_of_users(np.random.default_rng(3), 400)
    seeds = [a, a + 0.1 * np.random.default_rng(4).normal(size=len(a))]
    test = make_predictions(gauc, rows, seeds).test(
        make_predictions(gauc, rows, [b, b])
    )
    columns = rows.label, rows.weight, rows.group

    def difference(label: Floats, weight: Floats, group: Floats, *scores: Floats):
        values = [gauc(label, score, weight, group) for score in scores]
        return np.mean(values[:2]) - values[2]

    assert test.difference == pytest.approx(difference(*columns, *seeds, b))
    units, random = sampling_units(len(a), rows.group), np.random.default_rng(0)
    samples = [units.draw(units.num, random) for _ in range(RESAMPLES)]
    draws = [
        difference(*(x[sample] for x in (*columns, *seeds, b))) for sample in samples
    ]
    # 200 draws give a standard error to within 5 %; three of those.
    assert test.half_width == pytest.approx(1.96 * np.std(draws, ddof=1), rel=0.15)


def test_group_auc_needs_20_groups_with_both_classes() -> None:
    label = np.tile([0.0, 1.0], 20)
    group = np.repeat(np.arange(20), 2)
    score = np.random.default_rng(0).normal(size=40)
    rows = Rows(np.arange(40), label, np.ones(40), group)
    predictions = make_predictions(gauc, rows, [score])
    assert predictions.test(predictions).p_value == 1
    few = predictions.rows.take(group < 19)
    predictions = make_predictions(gauc, few, [score[:38]])
    with pytest.raises(UnusableError, match="fewer than 20 groups have rows of both"):
        predictions.test(predictions)
    without_groups = rows._replace(group=np.full(40, -1))
    predictions = make_predictions(gauc, without_groups, [score])
    with pytest.raises(UnusableError, match="gauc is undefined: none of 40 rows has a"):
        predictions.test(predictions)


def users_of_25_rows(users: int = 40) -> tuple[Rows, Floats, Floats]:
    """Labels of users, and two models that err on different users."""
    rng = np.random.default_rng(15)
    group = np.repeat(np.arange(users), 25)
    shared = rng.normal(size=len(group))
    label = (rng.random(len(group)) < 1 / (1 + np.exp(-shared))).astype("float64")
    a, b = (
        shared + rng.normal(size=users)[group] + 0.3 * rng.normal(size=len(group))
        for _ in range(2)
    )
    return Rows(np.arange(len(group)), label, np.ones(len(group)), group), a, b


def test_auc_of_groups_is_tested_by_their_summed_influences() -> None:
    rows, a, b = users_of_25_rows()
    of_a, of_b = (make_predictions(auc, rows, [x]) for x in (a, b))
    values, influences = zip(
        *(auc_influence(rows.label, x, rows.weight) for x in (a, b)), strict=True
    )
    sums = np.bincount(rows.group, influences[0] - influences[1])
    error = np.sqrt(40 / 39 * np.sum(sums**2))
    test = of_a.test(of_b)
    p = 2 * stats.t.sf(abs(values[0] - values[1]) / error, 39)
    assert test.p_value == pytest.approx(p, rel=1e-9)
    assert test.degrees_of_freedom == 39


def test_other_metrics_of_groups_are_tested_as_the_groups_vary() -> None:
    rows, a, b = users_of_25_rows()
    of_a, of_b = (make_predictions(mae, rows, [x]) for x in (a, b))
    differences = np.abs(rows.label - a) - np.abs(rows.label - b)
    error = stats.sem(differences.reshape(40, 25).mean(axis=1))
    test = of_a.test(of_b)
    expected = stats.t.ppf(0.975, 39) * error
    # 200 draws give a standard error to within 5 %; three of those.
    assert test.half_width == pytest.approx(expected, rel=0.15)
    assert test.degrees_of_freedom == 39


@pytest.mark.parametrize("metric", [auc, mae])
def test_groups_of_one_row_are_tested_as_rows(metric: Metric) -> None:
    rows, a, b = users_of_25_rows()
    tests = [
        make_predictions(metric, rows._replace(group=group), [a]).test(
            make_predictions(metric, rows._replace(group=group), [b])
        )
        for group in (np.full(1000, -1), np.arange(1000), rows.group)
    ]
    assert tests[0] == tests[1]
    assert tests[2].half_width > 1.2 * tests[1].half_width


@pytest.mark.parametrize("metric", [auc, mae])
def test_groups_that_only_one_of_two_knows_count(metric: Metric) -> None:
    rows, a, b = users_of_25_rows()
    of_a, of_b = (make_predictions(metric, rows, [x]) for x in (a, b))
    without = make_predictions(metric, rows._replace(group=np.full(1000, -1)), [b])
    assert of_a.test(without) == of_a.test(of_b)
    assert without.test(of_a) == of_b.test(of_a)


def test_few_groups_are_not_tested() -> None:
    rows, a, b = users_of_25_rows(19)
    of_a, of_b = (make_predictions(mae, rows, [x]) for x in (a, b))
    with pytest.raises(UnusableError, match="fewer than 20 groups of test rows"):
        of_a.test(of_b)
    few = rows._replace(group=rows.group % 4)
    of_a, of_b = (make_predictions(auc, few, [x]) for x in (a, b))
    with pytest.raises(UnusableError, match="class has fewer than 5 groups of test"):
        of_a.test(of_b)


@pytest.mark.slow
def test_group_aucs_of_equal_models_are_called_different_in_5_percent() -> None:
    rng = np.random.default_rng(13)
    wrong, repetitions = 0, 2000
    for _ in range(repetitions):
        rows, a, b = models_of_users(rng)
        test = make_predictions(gauc, rows, [a]).test(make_predictions(gauc, rows, [b]))
        wrong += test.p_value < 0.05
    # Three standard errors of a share of 0.05 in 2,000 are 0.015.
    assert 0.035 < wrong / repetitions < 0.065


@pytest.mark.slow
def test_seeds_and_rows_together_hold_5_percent_where_seeds_alone_do_not() -> None:
    """Two models that err on other rows, but are equally good over all rows.

    On one test set retraining gives the same order again and again; another test set
    would turn it.
    """
    rng = np.random.default_rng(8)
    repetitions, seeds, both = 2000, 0, 0
    for _ in range(repetitions):
        label = (rng.random(500) < 0.3).astype("float64")
        shared = label + rng.normal(size=500)
        models, values = [], []
        for _ in range(2):
            own = shared + 0.3 * rng.normal(size=500)
            scores = [own + 0.3 * rng.normal(size=500) for _ in range(SEEDS)]
            values.append([auc(label, score, np.ones(500)) for score in scores])
            models.append(scores)
        by_seeds = seed_test(*values).p_value < 0.05
        seeds += by_seeds
        both += by_seeds and delong_of_two(label, *models).p_value < 0.05
    assert seeds / repetitions > 0.2
    # Two standard errors of a share of 0.05 in 2,000 are 0.01.
    assert both / repetitions < 0.06
