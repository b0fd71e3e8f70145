"""Which features count as drifted."""

import pytest

from mtl_cli.evaluation.drift import has_drifted


@pytest.mark.parametrize(
    ("psi", "missing", "trained_missing", "drifted"),
    [
        (0.1, 0.0, 0.0, True),
        (0.09, 0.30, 0.30, False),
        (0.09, 0.34, 0.30, False),
        (0.09, 0.36, 0.30, True),
        (0.09, 0.10, 0.30, False),
        (0.09, 0.06, None, True),
        (0.09, None, None, False),
    ],
)
def test_feature_has_drifted_by_its_psi_or_by_5_points_more_empty_or_unseen_cells(
    psi: float, missing: float | None, trained_missing: float | None, drifted: bool
) -> None:
    empty = {"missing": missing, "trained_missing": trained_missing}
    unseen = {"unseen": missing, "trained_unseen": trained_missing}
    none = {"missing": None, "trained_missing": None}
    none |= {"unseen": None, "trained_unseen": None}
    for shares in (empty, unseen):
        assert has_drifted({"psi": psi} | none | shares) == drifted
