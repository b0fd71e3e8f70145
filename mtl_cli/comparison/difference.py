"""The difference of two configurations on a task, and whether the difference is real.

A difference is real if both retraining and another test set would show the difference
again. Two tests decide: the seed test compares the scores of several seeds, and the row
test compares the predictions for the test rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mtl_cli.comparison.configurations import Configuration
from mtl_cli.comparison.intervals import Interval
from mtl_cli.statistics.significance import SIGNIFICANCE_LEVEL, DifferenceTest, holm

# Two configurations, in either order, and the scenario on whose rows they are compared.
# (A, B) and (B, A) are equal, so they have one test and one corrected p-value.
Compared = tuple[frozenset[Configuration], str]


class Verdict(StrEnum):
    """The verdict of the tests on a difference. Users see the value of a member."""

    BETTER = "better"
    WORSE = "worse"
    DIFFERENT = "different"  # real, but neither direction of the metric is better
    NOT_REAL = "no real difference"  # retraining might not show the difference again
    THESE_ROWS_ONLY = "on these rows only"  # another test set might not show it
    TOO_FEW_SEEDS = "too few seeds"  # there is no seed test
    TOO_FEW_DAYS = "too few days"  # there is no test over the days of two lines
    # The next two verdicts are for lines (see `lines`), and say nothing about
    # retraining. Between two lines, they say that other days would give the same order.
    # Between two single runs, at least one of them from a line, they say that another
    # test set would give the same order.
    AHEAD = "ahead as trained"
    BEHIND = "behind as trained"
    NOT_COMPARABLE = "not comparable"  # the scores are on different rows
    NO_SCORE = "no score"  # at least one of the two configurations has no score


@dataclass(eq=False)
class Difference:
    """The score of one configuration minus the score of another, on one task.

    Attributes:
        configuration: the configuration whose score is compared.
        other: the configuration whose score is subtracted.
        scenario: the scenario whose rows are scored; "" for all scenarios.
        paired_difference: the difference of the two scores of a seed, averaged over the
            seeds that both configurations have; None if they have no seed in common.
        difference_of_means: the difference of the mean scores over the seeds of each
            configuration; None between lines, if one of the two has no score, or if
            the scores are on different rows.
        seed_test: the test over seeds; None if one of the two has fewer than two seeds.
            The test uses the common seeds if there are at least two, else all seeds.
        corrected_seed_p: the p-value of `seed_test`, corrected for the number of tests.
        row_test: the test over test rows; None if the predictions were not compared.
        corrected_row_p: the p-value of `row_test`, corrected for the number of tests.
        verdict: what the tests say, see `set_verdicts`.
        day_count: the number of common days of two lines; 0 for a difference that is
            not between lines. The days take the place of seeds, see `compare_lines`.
    """

    configuration: Configuration
    other: Configuration
    scenario: str = ""
    paired_difference: Interval | None = None
    difference_of_means: float | None = None
    seed_test: DifferenceTest | None = None
    corrected_seed_p: float = 1.0
    row_test: DifferenceTest | None = None
    corrected_row_p: float = 1.0
    verdict: Verdict = Verdict.NO_SCORE
    day_count: int = 0

    @property
    def compared(self) -> Compared:
        """The two configurations, in either order, and the scenario."""
        return frozenset((self.configuration, self.other)), self.scenario

    @property
    def interval(self) -> Interval | None:
        """The difference and its 95 % interval, as tables show them.

        - If the two have two or more seeds in common: the paired difference.
        - Otherwise, if each has two or more seeds: the difference of their means, from
          the seed test.
        - Otherwise: the difference of their means without an interval. The means are
          scores in the same table, so the difference of a single common seed would
          contradict the table.
        - Between lines with fewer than two common days: the difference of the common
          day without an interval, or None.
        """
        paired = self.paired_difference
        if paired is not None and paired.half_width is not None:
            return paired
        if self.seed_test is not None:
            return Interval(self.seed_test.difference, self.seed_test.half_width, 0)
        if self.difference_of_means is not None:
            return Interval(self.difference_of_means, None, 0)
        return paired

    @property
    def is_known(self) -> bool:
        """Whether the difference is known, over seeds or over rows."""
        return self.interval is not None or self.row_test is not None

    @property
    def mean(self) -> float:
        """The mean difference over seeds, or else over rows; 0 if both are unknown."""
        if self.interval is not None:
            return self.interval.mean
        return 0.0 if self.row_test is None else self.row_test.difference

    @property
    def is_of_models(self) -> bool:
        """Whether both configurations are single runs, at least one from a line."""
        pair = (self.configuration, self.other)
        return all(len(c.runs) == 1 for c in pair) and any(c.is_in_line for c in pair)

    @property
    def is_real(self) -> bool:
        """Whether the difference is real."""
        return self.verdict in (Verdict.BETTER, Verdict.WORSE, Verdict.DIFFERENT)

    def mark_not_comparable(self) -> None:
        """Removes all tests, because the scores are on different rows."""
        self.paired_difference = None
        self.difference_of_means = None
        self.seed_test = None
        self.row_test = None
        self.verdict = Verdict.NOT_COMPARABLE

    def as_dict(self) -> dict[str, Any]:
        """Returns the verdict and the tests at full precision, for JSON and CSV."""
        paired = self.paired_difference
        seed_test, row_test = self.seed_test, self.row_test
        return {
            "verdict": self.verdict,
            "real": self.is_real,
            "paired_difference": paired and paired.mean,
            "paired_half_interval": paired and paired.half_width,
            "paired_seeds": paired.num_values if paired else 0,
            "over_seeds": seed_test and seed_test.as_dict(self.corrected_seed_p),
            "over_rows": row_test and row_test.as_dict(self.corrected_row_p),
        }


def set_verdicts(differences: Sequence[Difference], direction: int) -> None:
    """Corrects the p-values of differences, and sets the verdicts that follow.

    The p-values of the seed tests are corrected for the number of seed tests (Holm),
    and the p-values of the row tests for the number of row tests. Two configurations
    may be compared twice: if the twin of the baseline is X, there is the difference of
    X to the baseline, and of the baseline to X. Both then have one test and one
    verdict.

    A difference is real if the corrected p-value of its seed test is below
    `SIGNIFICANCE_LEVEL` and, if there is a row test, the corrected p-value of the row
    test, too. A difference without a seed test keeps its verdict, such as
    `TOO_FEW_SEEDS`. Between two single runs of lines (`is_of_models`), the row test
    alone decides, because nobody retrains a line to compare it. Differences of lines
    never count as real.

    Args:
        differences: the differences that a reader sees together, such as all
            differences on one task.
        direction: 1 if higher is better, -1 if lower is better, 0 if neither.
    """
    seed_tests = {d.compared: d.seed_test for d in differences if d.seed_test}
    seed_p_values = corrected_p_values(seed_tests)
    row_tests = {d.compared: d.row_test for d in differences if d.row_test}
    row_p_values = corrected_p_values(row_tests)
    for difference in differences:
        difference.corrected_seed_p = seed_p_values.get(difference.compared, 1.0)
        difference.corrected_row_p = row_p_values.get(difference.compared, 1.0)
        difference.verdict = verdict_of(difference, direction)


def verdict_of(difference: Difference, direction: int) -> Verdict:
    """Returns the verdict of a difference whose p-values are corrected."""
    seed_test, row_test = difference.seed_test, difference.row_test
    rows_agree = row_test is None or difference.corrected_row_p < SIGNIFICANCE_LEVEL
    if seed_test is None:
        if row_test is None or not direction or not difference.is_of_models:
            return difference.verdict
        if not rows_agree:
            return Verdict.NOT_REAL
        is_better = direction * row_test.difference > 0
        return Verdict.AHEAD if is_better else Verdict.BEHIND
    if difference.corrected_seed_p >= SIGNIFICANCE_LEVEL:
        return Verdict.NOT_REAL
    if not rows_agree:
        return Verdict.THESE_ROWS_ONLY
    if direction == 0:
        return Verdict.DIFFERENT
    is_better = direction * seed_test.difference > 0
    if difference.day_count:
        return Verdict.AHEAD if is_better else Verdict.BEHIND
    return Verdict.BETTER if is_better else Verdict.WORSE


def corrected_p_values(tests: dict[Compared, DifferenceTest]) -> dict[Compared, float]:
    """Returns the p-value of each test, corrected for the number of tests (Holm)."""
    p_values = holm([test.p_value for test in tests.values()])
    return dict(zip(tests, p_values, strict=True))
