"""The difference of two configurations on a task, and whether it is real."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mtl_cli.comparison.configurations import Configuration
from mtl_cli.comparison.seed_statistics import Interval
from mtl_cli.statistics.significance import LEVEL, Test, holm


class Verdict(StrEnum):
    """The result of the tests of a difference, in words."""

    BETTER = "better"
    WORSE = "worse"
    DIFFERENT = "different"
    NOT_REAL = "no real difference"
    THESE_ROWS_ONLY = "on these rows only"
    TOO_FEW_SEEDS = "too few seeds"
    NOT_COMPARABLE = "not comparable"
    NO_SCORE = "no score"


@dataclass(eq=False)
class Difference:
    """The score of one configuration minus the score of another, on one task.

    Attributes:
        configuration: the first configuration.
        other: the configuration whose score is subtracted.
        paired: the mean difference over the common seeds; None if there are none.
        seed_test: the test over seeds: of the paired difference if the two have two
            seeds in common, else of the difference of their means. None if either has
            fewer than two seeds.
        seed_p: the p-value of `seed_test`, corrected for the number of comparisons.
        row_test: the test over test rows; None without predictions.
        row_p: the p-value of `row_test`, corrected for the number of comparisons.
        verdict: the result of the tests. `NOT_COMPARABLE` if the two were scored on
            different rows, `NO_SCORE` if either has no score.
    """

    configuration: Configuration
    other: Configuration
    paired: Interval | None = None
    seed_test: Test | None = None
    seed_p: float = 1.0
    row_test: Test | None = None
    row_p: float = 1.0
    verdict: Verdict = Verdict.NO_SCORE

    @property
    def interval(self) -> Interval | None:
        """The interval of the paired difference, or else of the means' difference."""
        if self.seed_test is None or (
            self.paired and self.paired.half_width is not None
        ):
            return self.paired
        return Interval(self.seed_test.difference, self.seed_test.half_width, 0)

    @property
    def real(self) -> bool:
        """Whether the difference is real."""
        return self.verdict in (Verdict.BETTER, Verdict.WORSE, Verdict.DIFFERENT)

    def mark_not_comparable(self) -> None:
        """Removes all tests, because the test rows turn out to differ."""
        self.paired, self.seed_test, self.row_test = None, None, None
        self.verdict = Verdict.NOT_COMPARABLE

    def as_dict(self) -> dict[str, Any]:
        """Returns verdict and tests at full precision, for JSON and CSV."""
        return {
            "verdict": self.verdict,
            "real": self.real,
            "paired_difference": self.paired and self.paired.mean,
            "paired_half_interval": self.paired and self.paired.half_width,
            "paired_seeds": self.paired.num_values if self.paired else 0,
            "over_seeds": self.seed_test and self.seed_test.as_dict(self.seed_p),
            "over_rows": self.row_test and self.row_test.as_dict(self.row_p),
        }


def decide(differences: list[Difference], direction: int) -> None:
    """Corrects the p-values of several differences, and gives each its verdict.

    A difference is real if retraining would show it again and, if test rows could be
    compared, another test set would show it too.

    Args:
        differences: all differences that are read together.
        direction: 1 if more is better, -1 if less is better, 0 if neither.
    """
    by_seeds = [(d, d.seed_test) for d in differences if d.seed_test is not None]
    for (d, _), p in zip(by_seeds, holm([t.p for _, t in by_seeds]), strict=True):
        d.seed_p = p
    by_rows = [(d, d.row_test) for d in differences if d.row_test is not None]
    for (d, _), p in zip(by_rows, holm([t.p for _, t in by_rows]), strict=True):
        d.row_p = p
    for d, test in by_seeds:
        gain = direction * test.difference
        if d.seed_p >= LEVEL:
            d.verdict = Verdict.NOT_REAL
        elif d.row_test is not None and d.row_p >= LEVEL:
            d.verdict = Verdict.THESE_ROWS_ONLY
        elif direction == 0:
            d.verdict = Verdict.DIFFERENT
        else:
            d.verdict = Verdict.BETTER if gain > 0 else Verdict.WORSE
