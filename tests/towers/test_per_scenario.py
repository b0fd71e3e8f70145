"""Each task has a tower for each scenario, and a row reads that of its own scenario."""

import keras
import numpy as np
import pytest
from helpers.commands import refused
from helpers.equations import (
    assert_equal_up_to_rounding,
    gradients,
    normed_mlp,
    reached_networks,
    read_normed_mlps,
    scenario_shares,
    to_float64,
)
from helpers.networks import (
    SCENARIO,
    TASKS,
    arrays,
    features,
    network,
    randomize,
    read_dense,
)

TOWERS = ["model.towers=per_scenario", *SCENARIO]
SCENARIOS = 3


def built(model, *overrides):
    net = network(f"model={model}", *TOWERS, *overrides, num_tasks=3)
    randomize(net.logits)
    return net


@pytest.mark.parametrize("units", [[], [6], [6, 5]])
@pytest.mark.parametrize("model", ["shared_bottom", "mmoe"])
def test_towers_are_the_equations(model, units):
    net, rows = built(model, f"model.tower_units={units}"), features()
    assert (rows["ids"][:, 2] == 0).any()  # rows of an unknown scenario too
    z = keras.Model(net.logits.input, net.hidden)(rows).numpy().astype("float64")
    towers = read_normed_mlps(net, "towers_0_1_2") if units else [[]] * 9
    last, want = net.logits.get_layer("towers_0_1_2_logits"), {}
    for t, task in enumerate(TASKS):
        by_scenario = []
        for number in range(SCENARIOS * t, SCENARIOS * (t + 1)):
            kernel, bias = to_float64(*read_dense(last, number))
            h = normed_mlp(z if z.ndim == 2 else z[t], towers[number])
            by_scenario.append(h @ kernel + bias)
        want[task] = (np.hstack(by_scenario) * scenario_shares(rows)).sum(axis=1)
    assert_equal_up_to_rounding(arrays(net.logits(rows)), want)


def test_tasks_of_other_widths_and_classes_have_towers_of_their_own():
    widths = "dataset.tasks.never_married.tower_units=[8]"
    rating = (
        "++dataset.tasks.rating="
        "{kind: multiclass, classes: [1,2,3], transform: standard}"
    )
    net = built("mmoe", "model.tower_units=[6]", widths, rating)
    names = {x.name: x.num for x in net.logits.layers if x.name.startswith("towers")}
    assert names == {
        f"towers_{t}{x}": SCENARIOS for t in range(3) for x in ("", "_logits")
    }
    shapes = [tuple(y.shape) for y in net.logits(features()).values()]
    assert shapes == [(64, 1), (64, 1), (64, 3)]


def test_rows_of_a_scenario_train_the_towers_of_that_scenario_alone():
    net = built("mmoe", "model.tower_units=[6]", "model.activation=tanh")
    rows = features()
    rows["ids"][:, 2] = 3  # the last scenario
    for t, task in enumerate(TASKS):
        found = gradients(net, rows, task)
        own = [number == SCENARIOS * t + 2 for number in range(3 * SCENARIOS)]
        for name in ("towers_0_1_2", "towers_0_1_2_logits"):
            for path, moved in reached_networks(net, name, found).items():
                assert moved == own, (task, path)


def test_towers_without_a_scenario_are_refused_in_one_line(tmp_path):
    code, _, error, _ = refused(tmp_path, "model.towers=per_scenario")
    assert code == 2
    assert "dataset.scenario: " in error
    assert (
        "reads the scenario of a row; name the feature that holds the scenario" in error
    )
