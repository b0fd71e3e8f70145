"""How one configuration stands to another, and what that comes to in a word."""

from dataclasses import dataclass

from mtl_cli.compare.configurations import Configuration
from mtl_cli.compare.statistics import LEVEL, Interval, Test, holm

BETTER, WORSE, DIFFERENT = "better", "worse", "different"
SAME = "no real difference"
ROWS = "on these rows only"
FEW = "too few seeds"
OTHER = "not comparable"
MISSING = "no score"


@dataclass(eq=False)
class Versus:
    """A configuration against another on one task.

    Attributes:
        other: the one it is compared with.
        paired: mean difference over the seeds of both; None without any.
        seeds: test over seeds, of the same difference where both have two seeds in
            common, else of the means; None where one has fewer than two.
        seeds_p: its p-value, corrected for the number of comparisons.
        rows: test over test rows; None where there are no predictions.
        rows_p: likewise.
        verdict: one of the words above; `not comparable` where other rows were scored,
            `no score` where one of the two has none.
    """

    other: Configuration
    paired: Interval | None = None
    seeds: Test | None = None
    seeds_p: float = 1.0
    rows: Test | None = None
    rows_p: float = 1.0
    verdict: str = MISSING

    @property
    def difference(self) -> Interval | None:
        """What is shown: paired by seed, or of the means if under two seeds pair."""
        if self.seeds is None or (self.paired and self.paired.half is not None):
            return self.paired
        return Interval(self.seeds.difference, self.seeds.half, 0)

    @property
    def real(self) -> bool:
        """Whether the difference is real."""
        return self.verdict in (BETTER, WORSE, DIFFERENT)

    def withdraw(self) -> None:
        """Takes back what seeds said, once rows turn out to be others."""
        self.paired, self.seeds, self.rows, self.verdict = None, None, None, OTHER


def decide(family: list[Versus], direction: int) -> None:
    """Gives each comparison of a family its corrected p-values and its verdict.

    A difference is real if retraining would give it again and, where test rows could
    be compared, another test set would too.

    Args:
        family: comparisons that are read together.
        direction: 1 if more is better, -1 if less, 0 if neither.
    """
    seeds = [(each, each.seeds) for each in family if each.seeds is not None]
    for (each, _), p in zip(seeds, holm([test.p for _, test in seeds]), strict=True):
        each.seeds_p = p
    rows = [(each, each.rows) for each in family if each.rows is not None]
    for (each, _), p in zip(rows, holm([test.p for _, test in rows]), strict=True):
        each.rows_p = p
    for each, test in seeds:
        if each.seeds_p >= LEVEL:
            each.verdict = SAME
        elif each.rows is not None and each.rows_p >= LEVEL:
            each.verdict = ROWS
        else:
            sign = direction * test.difference
            each.verdict = DIFFERENT if not sign else BETTER if sign > 0 else WORSE
