"""The difference of two configurations on a task, and whether the difference is real.

A difference is real if both retraining and another test set would show the difference
again. Two tests decide: the replicate test compares the scores of several replicates,
and the row test compares the predictions for the test rows. A replicate is a seed, or a
day of a line: a chain of runs, one per day, see `lines`.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mtl_cli.comparison.configurations import Configuration
from mtl_cli.comparison.intervals import Interval
from mtl_cli.statistics.significance import SIGNIFICANCE_LEVEL, DifferenceTest

MIN_SEEDS = 3  # a verdict on fewer seeds says so
# Two configurations without order, and the scenario on whose rows they are compared.
# The pairs (A, B) and (B, A) are equal: they have one test and one corrected p-value.
ComparedPair = tuple[frozenset[Configuration], str]


class Verdict(StrEnum):
    """The verdict of the tests on a difference. Users see the value of a member."""

    BETTER = "better"
    WORSE = "worse"
    DIFFERENT = "different"  # real, but neither direction of the metric is better
    NOT_REAL = "no real difference"  # retraining might not show the difference again
    THESE_ROWS_ONLY = "on these rows only"  # another test set might not show it
    TOO_FEW_SEEDS = "too few seeds"  # there is no replicate test over seeds
    TOO_FEW_ROWS = "too few rows"  # there is no row test of two runs of lines
    NOT_TESTED = "not tested"  # the test rows of two runs of lines were not compared
    TOO_FEW_DAYS = "too few days"  # there is no replicate test over the days of lines
    # The next two verdicts are for lines and their runs, and say nothing about
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

    The row test is added after all differences are made, and the corrected p-values
    after all tests are made. The properties, such as `verdict`, follow from them.

    Attributes:
        other: the configuration whose score is subtracted.
        direction: 1 if a higher score is better, -1 if a lower score is better, 0 if
            neither.
        scenario: the scenario whose rows are scored; "" for all scenarios.
        day_count: the number of common days of two lines; 0 for a difference that is
            not between lines.
        has_same_rows: False if the scores are on different rows, or if the rows have
            different weights. Then the attributes below keep their defaults.
        paired_difference: the difference of the two scores of a replicate, averaged
            over the replicates that both have; None if they have none in common.
        difference_of_means: the difference of the mean scores over the seeds of each
            configuration; None between lines, or if one of the two has no score.
        replicate_test: the test over seeds or days; None if there are too few. The test
            over seeds uses the common seeds if there are at least two, else all seeds.
        num_seeds: the number of seeds of each of the two in `replicate_test`, or the
            smaller number; 0 between lines, and without a test.
        corrected_replicate_p: the p-value of `replicate_test`, see `correction`.
        row_test: the test over test rows; None if the predictions were not compared.
        corrected_row_p: the p-value of `row_test`, corrected in the same way.
        has_too_few_rows: whether the test rows are too few for a row test.
        has_unread_rows: whether the test rows were not read for a row test, since
            `row_tests` limits how many are read.
    """

    configuration: Configuration
    other: Configuration
    direction: int
    scenario: str = ""
    day_count: int = 0
    has_same_rows: bool = True
    paired_difference: Interval | None = None
    difference_of_means: float | None = None
    replicate_test: DifferenceTest | None = None
    num_seeds: int = 0
    corrected_replicate_p: float = 1.0
    row_test: DifferenceTest | None = None
    corrected_row_p: float = 1.0
    has_too_few_rows: bool = False
    has_unread_rows: bool = False

    @property
    def pair(self) -> ComparedPair:
        return frozenset((self.configuration, self.other)), self.scenario

    @property
    def interval(self) -> Interval | None:
        """The difference and its 95 % interval, as tables show them; None if unknown.

        - If the two have two or more replicates in common: the paired difference.
        - Otherwise, if each has two or more seeds: the difference of their means, from
          the replicate test.
        - Otherwise: the difference of their means without an interval. The tables show
          the means, so the difference of a single common seed could contradict them.
        - Between lines with fewer than two common days: the difference on the common
          day without an interval, or None.
        """
        paired = self.paired_difference
        if paired is not None and paired.half_width is not None:
            return paired
        if self.replicate_test is not None:
            test = self.replicate_test
            return Interval(test.difference, test.half_width, 0)
        if self.difference_of_means is not None:
            return Interval(self.difference_of_means, None, 0)
        return paired

    @property
    def mean(self) -> float:
        """The mean of `interval`; 0 if the difference is unknown."""
        return 0.0 if self.interval is None else self.interval.mean

    @property
    def is_of_single_runs(self) -> bool:
        """Whether both configurations are single runs, at least one from a line."""
        both = (self.configuration, self.other)
        return all(len(c.runs) == 1 for c in both) and any(c.is_in_line for c in both)

    @property
    def deciding_test(self) -> DifferenceTest | None:
        """The test that a verdict needs; None if it could not be made.

        Usually this is the replicate test. Between single runs of lines, the row test
        decides if the metric has a direction: nobody retrains a line to compare it.
        """
        if self.replicate_test is None and self.is_of_single_runs and self.direction:
            return self.row_test
        return self.replicate_test

    @property
    def deciding_p(self) -> float:
        """The corrected p-value of `deciding_test`."""
        if self.replicate_test is None:
            return self.corrected_row_p
        return self.corrected_replicate_p

    @property
    def verdict(self) -> Verdict:
        """The conclusion from the tests.

        A difference is real if the corrected p-value of its deciding test is below
        `SIGNIFICANCE_LEVEL` and, if there is a row test, the corrected p-value of the
        row test, too. Differences of lines never count as real.
        """
        if not self.has_same_rows:
            return Verdict.NOT_COMPARABLE
        if self.interval is None:
            return Verdict.NO_SCORE
        test = self.deciding_test
        if test is None:
            return self.verdict_without_test
        if self.deciding_p >= SIGNIFICANCE_LEVEL:
            return Verdict.NOT_REAL
        if self.row_test is not None and self.corrected_row_p >= SIGNIFICANCE_LEVEL:
            return Verdict.THESE_ROWS_ONLY
        if self.direction == 0:
            return Verdict.DIFFERENT
        is_better = self.direction * test.difference > 0
        if self.replicate_test is None or self.day_count:
            return Verdict.AHEAD if is_better else Verdict.BEHIND
        return Verdict.BETTER if is_better else Verdict.WORSE

    @property
    def verdict_without_test(self) -> Verdict:
        """The reason why there is no deciding test."""
        if self.day_count:
            return Verdict.TOO_FEW_DAYS
        if self.is_of_single_runs and self.has_too_few_rows:
            return Verdict.TOO_FEW_ROWS
        if self.is_of_single_runs and self.direction:
            return Verdict.NOT_TESTED
        return Verdict.TOO_FEW_SEEDS

    @property
    def is_real(self) -> bool:
        return self.verdict in (Verdict.BETTER, Verdict.WORSE, Verdict.DIFFERENT)

    @property
    def has_few_seeds(self) -> bool:
        return 0 < self.num_seeds < MIN_SEEDS

    @property
    def limits(self) -> str:
        """The words after a real verdict: ` on 2 seeds, pooled noise`, or "".

        The replicate test pools the noise of all configurations, so a difference can be
        real although its interval holds 0.
        """
        if not self.is_real or self.interval is None:
            return ""
        seeds = f" on {self.num_seeds} seeds" if self.has_few_seeds else ""
        low, high = self.interval.ends
        return f"{seeds}, pooled noise" if low <= 0 <= high else seeds

    def mark_not_comparable(self) -> None:
        """Removes the difference and its tests: the scores are on different rows."""
        self.has_same_rows = False
        self.paired_difference = None
        self.difference_of_means = None
        self.replicate_test = None

    def as_dict(self) -> dict[str, Any]:
        """Returns the verdict and the tests at full precision, for JSON and CSV."""
        paired = self.paired_difference
        over_seeds, over_rows = self.replicate_test, self.row_test
        return {
            "verdict": self.verdict,
            "real": self.is_real,
            "paired_difference": paired and paired.mean,
            "paired_half_interval": paired and paired.half_width,
            "paired_seeds": paired.num_values if paired else 0,
            "over_seeds": over_seeds and over_seeds.as_dict(self.corrected_replicate_p),
            "over_rows": over_rows and over_rows.as_dict(self.corrected_row_p),
        }
