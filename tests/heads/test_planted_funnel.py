"""A loss of pCVR ranks conversions better over all impressions than ESMM's product."""

import pytest
from helpers.funnel_runs import METHODS, PROBLEMS, SEEDS, scores
from helpers.structure_runs import gain


@pytest.mark.exhaustive
def test_escm2_is_ahead_of_esmm_on_pcvr_over_all_impressions() -> None:
    problem = PROBLEMS["clicked rows convert more"]
    runs = [
        {name: scores([*problem, *METHODS[name]], seed)["auc"] for name in METHODS}
        for seed in SEEDS
    ]
    difference, half_width = gain(runs, "escm2", "esmm")
    assert difference > half_width
