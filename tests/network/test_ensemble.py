"""An ensemble of runs: the mean prediction of networks that were trained apart."""

import keras
import numpy as np
import pytest
from helpers.networks import LAYOUT, ROWS, config, features, network, randomize

from mtl_cli.core.prediction_names import spread_name
from mtl_cli.network.build import build, check_size
from mtl_cli.network.network import average

FLOAT32 = 1e-5  # relative rounding of a mean of float32 numbers


def runs(*overrides: str) -> list:
    networks = [network("encoder.embedding_dim=4", *overrides) for _ in range(3)]
    for seed, built in enumerate(networks):
        randomize(built.logits, seed)
    return networks


@pytest.mark.parametrize("heads", ["independent", "esmm"])
def test_prediction_is_the_mean_over_runs_and_its_spread_their_deviation(heads):
    networks = runs("model=shared_bottom", f"model.heads={heads}")
    by_run = [built.predictions(features(), training=False) for built in networks]
    found = average(networks).predictions(features(), training=False)
    assert set(found) == {*by_run[0], *map(spread_name, by_run[0])}
    for name in by_run[0]:
        p = np.array([x[name] for x in by_run], "float64")
        np.testing.assert_allclose(found[name], p.mean(axis=0), rtol=FLOAT32)
        spread = p.std(axis=0)
        assert spread.max() > 0.01
        np.testing.assert_allclose(found[spread_name(name)], spread, atol=1e-6)


def test_spread_of_runs_with_members_is_that_over_the_members_of_all_runs():
    networks = runs("model=shared_bottom", "model.members=2")
    ensemble = average(networks)
    logits = ensemble.logits(features(), training=False)["income"]
    assert logits.shape == (3 * 2 * ROWS, 1)
    p = keras.ops.sigmoid(logits).numpy().reshape(6, ROWS, 1)
    found = ensemble.predictions(features(), training=False)
    np.testing.assert_allclose(found["income"], p.mean(axis=0), rtol=FLOAT32)
    np.testing.assert_allclose(found["income_std"], p.std(axis=0), atol=1e-6)


def test_ensemble_of_a_configuration_has_one_network_per_seed():
    chosen = config("encoder.embedding_dim=4", "model=shared_bottom")
    alone = build(chosen, LAYOUT)
    several = chosen.model_copy(update={"ensemble": [1, 2, 3]})
    built = build(several, LAYOUT)
    assert len(built.runs) == 3
    assert built.predictions.count_params() == 3 * alone.predictions.count_params()
    sizes = [int(np.prod(weight.shape)) for weight in built.predictions.weights]
    check_size(several, LAYOUT, {}, sizes)
    with pytest.raises(ValueError, match=r"weights, .* are stored"):
        check_size(several, LAYOUT, {}, sizes[:-1])
