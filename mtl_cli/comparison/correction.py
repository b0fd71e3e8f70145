"""Corrects the p-values of differences for the number of tests."""

from collections.abc import Sequence

from mtl_cli.comparison.difference import ComparedPair, Difference
from mtl_cli.statistics.significance import holm


def correct_p_values(differences: Sequence[Difference]) -> None:
    """Corrects the p-values of differences for the number of tests (Holm).

    The p-values of the replicate tests are corrected for the number of replicate tests,
    and the p-values of the row tests for the number of row tests. A row test that is
    left out because of the limits of `row_tests` counts as a test with p = 1. Otherwise
    the other p-values would be too small, since the best configurations are tested.

    Two configurations may be compared twice: if the twin of the baseline is X, there is
    the difference of X to the baseline, and of the baseline to X. Both then have one
    test and one p-value.

    `differences` are those that a reader sees together, such as all of one task.
    """
    replicate_p_values = corrected_p_values(
        {d.pair: d.replicate_test.p_value for d in differences if d.replicate_test}
    )
    row_p_values = corrected_p_values(
        {d.pair: 1.0 for d in differences if d.has_unread_rows}
        | {d.pair: d.row_test.p_value for d in differences if d.row_test}
    )
    for difference in differences:
        pair = difference.pair
        difference.corrected_replicate_p = replicate_p_values.get(pair, 1.0)
        difference.corrected_row_p = row_p_values.get(pair, 1.0)


def corrected_p_values(
    p_values: dict[ComparedPair, float],
) -> dict[ComparedPair, float]:
    return dict(zip(p_values, holm(list(p_values.values())), strict=True))
