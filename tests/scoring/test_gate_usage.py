"""The content of gates.json for gates whose weights are planted."""

import numpy as np
import pytest
from helpers.gate_usage import measure_gate_usage
from helpers.networks import ROWS as FEW
from helpers.networks import TASKS, config, features, network

from mtl_cli.data.table import Array, Table
from mtl_cli.layers import Expert, GateNU, Gates, Route, Routing, experts_of
from mtl_cli.scoring.gate_records import GateSummary
from mtl_cli.scoring.gate_rows import gate_warnings
from mtl_cli.scoring.gate_usage import summarize_gate, summarize_gates
from mtl_cli.scoring.gate_weights import GateWeights
from mtl_cli.scoring.sample import MAX_ROWS, sample_blocks


def table(weights: dict[str, np.ndarray] | None = None) -> Table:
    ones = {task: np.ones(FEW, "float32") for task in TASKS[:2]}
    return Table(features(), labels={}, weights=weights or ones)


def test_means_are_those_of_the_softmax_that_was_planted() -> None:
    settings = ["model=mmoe", "model.num_experts=3"]
    planted = network(*settings)
    kernel = planted.logits.get_layer("gates").logits.kernel  # (1, dim, gates * 3)
    weights = np.array([[0.7, 0.2, 0.1], [0.0001, 0.9998, 0.0001]])
    values = np.zeros(kernel.shape)
    values[0, -1] = np.log(weights).ravel()  # of the last number, which is 1
    kernel.assign(values)
    rows = table()
    rows.features["dense"][:] = 1
    usage = measure_gate_usage(planted, config(*settings), rows)
    assert usage["rows"] == FEW
    for task, gate, expected in zip(TASKS[:2], usage["gates"], weights, strict=True):
        assert gate["task"] == task
        assert list(gate["weights"]) == ["shared 1", "shared 2", "shared 3"]
        assert list(gate["weights"].values()) == pytest.approx(expected, abs=1e-6)
    assert usage["gates"][0]["unused"] == []
    assert usage["gates"][1]["unused"] == ["shared 1", "shared 3"]
    assert usage["gates"][1]["polarised"] == "shared 2"
    assert usage["dead"] == []


def summary_of(weights: Array, experts: list[str]) -> GateSummary:
    """Summarizes a gate of task a whose weights are shares."""
    return summarize_gate("", "a", weights, experts, are_shares=True)


def test_summary_of_a_gate_tells_mean_entropies_unused_and_polarised_experts() -> None:
    opposite = summary_of(np.array([[1.0, 0.0], [0.0, 1.0]]), ["x", "y"])
    assert opposite["weights"] == {"x": 0.5, "y": 0.5}
    assert opposite["entropy_of_mean"] == pytest.approx(1)
    assert opposite["mean_entropy"] == pytest.approx(0, abs=1e-12)
    assert (opposite["unused"], opposite["polarised"]) == ([], None)
    one_sided = summary_of(np.array([[0.98, 0.02]]), ["x", "y"])
    assert (one_sided["unused"], one_sided["polarised"]) == (["y"], "x")


def test_shares_that_sum_to_less_than_one_count_as_parts_of_their_sum() -> None:
    equal = summary_of(np.full((4, 3), 0.2), ["x", "y", "z"])
    assert equal["weights"]["x"] == pytest.approx(0.2)
    assert equal["entropy_of_mean"] == pytest.approx(1)
    assert equal["mean_entropy"] == pytest.approx(1)
    assert equal["unused"] == []
    one_sided = summary_of(np.array([[0.49, 0.01]]), ["x", "y"])
    assert (one_sided["unused"], one_sided["polarised"]) == (["y"], "x")


def test_weights_of_zero_have_the_entropy_zero() -> None:
    found = summary_of(np.zeros((4, 2)), ["x", "y"])
    assert (found["entropy_of_mean"], found["mean_entropy"]) == (0, 0)
    assert (found["unused"], found["polarised"]) == (["x", "y"], None)


def test_rows_with_a_weight_that_is_no_number_are_left_out_of_the_summary() -> None:
    weights = np.array([[np.nan, np.nan], [0.25, 0.75]])
    found = summary_of(weights, ["x", "y"])
    assert found == summary_of(weights[1:], ["x", "y"])
    assert summary_of(weights[:1], ["x", "y"])["rows"] == 0


def test_ple_names_experts_by_task_and_level_and_its_shared_gate_sees_all() -> None:
    sizes = ["model=ple", "model.num_specific_experts=1", "model.num_shared_experts=2"]
    usage = measure_gate_usage(network(*sizes), config(*sizes), table())
    seen = {
        (gate["level"], gate["task"]): list(gate["weights"]) for gate in usage["gates"]
    }
    a, b = TASKS[:2]
    assert seen[("level_1", a)] == [f"{a} 1", "shared 1", "shared 2"]
    assert seen[("level_1", None)] == [f"{a} 1", f"{b} 1", "shared 1", "shared 2"]
    assert seen[("level_2", b)] == [f"{b} 1", "shared 1", "shared 2"]
    assert ("level_2", None) not in seen
    for gate in usage["gates"]:
        assert sum(gate["weights"].values()) == pytest.approx(1)


def test_a_gate_counts_the_rows_of_its_own_task() -> None:
    first = np.zeros(FEW, "float32")
    first[:5] = 1
    weights = {TASKS[0]: first, TASKS[1]: np.ones(FEW, "float32")}
    usage = measure_gate_usage(
        network("model=mmoe"), config("model=mmoe"), table(weights)
    )
    assert [gate["rows"] for gate in usage["gates"]] == [5, FEW]


def gate(task: str, unused: list[str]) -> dict:
    weights = {"shared 1": 0.5, "shared 2": 0.5}
    return {"level": "level_1", "task": task, "weights": weights, "unused": unused} | {
        "polarised": None
    }


def test_dead_expert_is_named_in_a_warning() -> None:
    idle = gate("a", ["shared 1"])
    (warning,) = gate_warnings({"gates": [idle], "dead": ["level_1 shared 1"]})
    assert "level_1 shared 1 is dead" in warning


def test_an_expert_is_dead_only_if_no_gate_of_its_level_uses_it() -> None:
    routes = [Route(owner, experts_of("shared", 2)) for owner in ("a", "b")]
    layer = gates_of("level_1_gates", *routes)
    for second, dead in (([0.5, 0.5], []), ([0, 1], ["level_1 shared 1"])):
        usage = summarize_gates(constant_weights((layer, [[0, 1], second])))
        assert usage["dead"] == dead


def constant_weights(*gates: tuple[Routing, list[list[float]]]) -> GateWeights:
    """Gate weights that are the same in all rows: the weights of each layer's gates.

    A layer without weights has gates with a single expert.
    """
    tasks = {task: np.ones(4, bool) for task in ("click", "buy")}
    weights = {
        layer.name: np.repeat(np.array(values)[:, None], 4, axis=1)
        for layer, values in gates
        if values
    }
    return GateWeights([layer for layer, _ in gates], weights, tasks)


def gates_of(name: str, *routes: Route) -> Gates:
    return Gates(len(routes), len(routes[0].experts), routes=routes, name=name)


def test_gates_at_other_places_of_the_level_keep_an_expert_alive() -> None:
    a, b = experts_of("a", 2), experts_of("b", 2)
    of_groups = gates_of("level_1_group_gates", Route("a", a), Route("b", b))
    of_all = gates_of("level_1_shared_gate", Route(None, [*a, *b]))
    self_gates = gates_of("level_1_self_gates", Route("a", a), Route("b", b))
    first = [[1.0, 0.0], [1.0, 0.0]]
    usage = summarize_gates(
        constant_weights(
            (of_groups, first), (of_all, [[0.5, 0.5, 0, 0]]), (self_gates, first)
        )
    )
    assert usage["dead"] == ["level_1 b 2"]
    second_level = gates_of("level_2_gates", Route(0, b))
    usage = summarize_gates(
        constant_weights((of_groups, first), (second_level, [[0.0, 1.0]]))
    )
    assert usage["dead"] == ["level_1 a 2", "level_1 b 2", "level_2 b 1"]


def test_a_factor_of_the_gates_weights_alone_does_not_keep_an_expert_alive() -> None:
    shared = experts_of("shared", 2)
    task_gates = gates_of("gates", Route(0, shared), Route(1, shared))
    routes = [Route("personal", shared)]
    personal = GateNU(1, 2, [3], routes=routes, weighs_experts=True, name="personal")
    weights = [[1.0, 0.0], [1.0, 0.0]]
    usage = summarize_gates(
        constant_weights((task_gates, weights), (personal, [[0.5, 0.5]]))
    )
    assert usage["dead"] == ["shared 2"]


def test_the_only_expert_of_a_gate_is_alive() -> None:
    click, buy = experts_of(0, 1), experts_of(1, 1)
    task_gates = gates_of("level_2_gates", Route(0, click + buy))
    sigmoid = GateNU(1, 1, [], routes=[Route(0, click)], name="level_2_self_gates")
    assert sigmoid.only_scales
    weights = [[0.0, 1.0]]
    usage = summarize_gates(constant_weights((task_gates, weights), (sigmoid, [])))
    assert usage["dead"] == ["level_2 click 1"]
    sigmoid.only_scales = False
    assert not summarize_gates(constant_weights((task_gates, weights), (sigmoid, [])))[
        "dead"
    ]


def test_an_expert_that_its_reader_also_adds_without_a_weight_is_alive() -> None:
    experts = [Expert(0, 1, always_added=True), Expert(1, 1)]
    gates = gates_of("level_1_gates", Route(0, experts))
    assert summarize_gates(constant_weights((gates, [[0.0, 1.0]])))["dead"] == []
    assert summarize_gates(constant_weights((gates, [[1.0, 0.0]])))["dead"] == [
        "level_1 buy 1"
    ]


@pytest.mark.parametrize("model", ["single_task", "shared_bottom", "esmm"])
def test_models_without_gates_have_no_use_of_them(model: str) -> None:
    assert (
        measure_gate_usage(network(f"model={model}"), config(f"model={model}"), table())
        is None
    )


def test_large_tables_are_read_in_blocks_from_start_to_end() -> None:
    class Long(Table):
        num_rows = 10 * MAX_ROWS

        def read(self, start: int, stop: int) -> tuple[int, int]:
            return start, stop

    blocks = list(sample_blocks(Long({}, {}, {})))
    assert sum(stop - start for start, stop in blocks) == MAX_ROWS
    assert blocks[0][0] == 0 and blocks[-1][0] >= 0.9 * Long.num_rows
