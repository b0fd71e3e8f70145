"""The drawing of a network: which nodes there are, what each reads, where it stands."""

import keras
import pytest
from helpers import networks
from helpers.slow import slow_except

from mtl_cli.layers import Gates, Mix, ParallelDense, ParallelMLP, Routing
from mtl_cli.network.diagram import nodes_of
from mtl_cli.pages.network_chart import Node, network_chart, rows_of


def nodes(*overrides: str, num_tasks: int = 2) -> list[Node]:
    """The nodes of a small network."""
    network = networks.network(*overrides, num_tasks=num_tasks)
    return nodes_of(network.logits, networks.TASKS[:num_tasks])


def titles(nodes: list[Node], indices: list[int]) -> set[str]:
    return {nodes[i].title for i in indices}


@pytest.mark.parametrize(
    "model", slow_except(["mmoe", "ple", "single_task"], networks.MODELS)
)
def test_every_layer_with_weights_and_every_output_is_a_node(model: str) -> None:
    network = networks.network(f"model={model}").logits
    found = nodes_of(network, networks.TASKS[:2])
    layers = [x for x in network.layers if x.weights or isinstance(x, Routing)]
    assert sum(node.kind in ("layer", "gate") for node in found) == len(layers)
    outputs = [node.title for node in found if node.kind == "output"]
    assert sorted(outputs) == sorted(network.output)
    assert all(node.sources for node in found if node.kind != "input")
    assert all(source < i for i, node in enumerate(found) for source in node.sources)


def test_each_call_of_a_layer_is_a_node_that_another_node_reads() -> None:
    network = networks.network("model=aitm", num_tasks=3).logits
    num_calls = len(network.get_layer("projections")._inbound_nodes)
    found = nodes("model=aitm", num_tasks=3)
    assert num_calls > 1
    assert sum(node.title == "projections" for node in found) == num_calls
    read = {source for node in found for source in node.sources}
    not_read = [node for i, node in enumerate(found) if i not in read]
    assert {node.kind for node in not_read} == {"output"}
    assert all(source < i for i, node in enumerate(found) for source in node.sources)


def test_network_of_whose_tensors_another_model_was_made_has_the_same_nodes() -> None:
    """Training with lazy tables cuts the network into two models."""
    network = networks.network("model=mmoe").logits
    before = nodes_of(network, networks.TASKS[:2])
    table = network.get_layer("embedding")
    keras.Model([network.inputs, table.output], network.output)
    assert nodes_of(network, networks.TASKS[:2]) == before


def test_level_of_ple_reads_what_the_paper_says() -> None:
    found = nodes("model=ple")
    by_title = {node.title: node for node in found}
    (specific,) = by_title["level 2 specific experts"].sources
    (shared,) = by_title["level 2 shared experts"].sources
    assert found[specific].kind == found[shared].kind == "sum"
    assert titles(found, found[specific].sources) == {
        "level 1 gates",
        "level 1 specific experts",
        "level 1 shared experts",
    }
    assert titles(found, found[shared].sources) == {
        "level 1 shared gate",
        "level 1 specific experts",
        "level 1 shared experts",
    }
    assert by_title["level 2 gates"].sizes == "over 8 experts"
    assert by_title["level 1 specific experts"].sizes.startswith("8 networks of ")
    assert sum(node.kind == "sum" for node in found) == 3


@pytest.mark.parametrize("members", [1, 2])
def test_product_of_heads_reads_its_factors(members: int) -> None:
    found = nodes("model=esmm", f"model.members={members}")
    by_title = {node.title: node for node in found}
    assert titles(found, by_title["Π"].sources) == {
        "income",
        "never_married_given_income",
    }
    assert titles(found, by_title["never_married"].sources) == {"Π"}
    rows = rows_of(found)
    assert [found[i].title for row in rows[-2:] for i in row] == ["Π", "never_married"]


def test_gate_of_poso_weighs_experts() -> None:
    by_title = {node.title: node for node in nodes("model=poso")}
    assert by_title["personal gate"].sizes.endswith(" experts")


def test_towers_are_named_by_their_tasks() -> None:
    found = nodes("model=mmoe", num_tasks=3)
    assert "towers of income, never_married, rating" in {x.title for x in found}


def test_layer_of_keras_is_a_node_too() -> None:
    x = keras.Input((3,), name="x")
    y = keras.layers.Dense(2, name="head")(keras.ops.concatenate([x, x], 1))
    found = nodes_of(keras.Model({"x": x}, {"a": y, "b": y + 1}), ["a", "b"])
    assert [(p.title, p.kind, p.sources) for p in found] == [
        ("x", "input", []),
        ("head", "layer", [0]),
        ("a", "output", [1]),
        ("b", "output", [2]),
    ]
    assert found[1].sizes == "14 weights"


def test_outputs_of_one_call_are_nodes_of_their_own() -> None:
    x = keras.Input((3,), name="x")
    first, second = keras.ops.split(keras.layers.Dense(2)(x), 2, axis=1)
    outputs = {"a": first, "b": second, "same_as_b": second}
    found = nodes_of(keras.Model({"x": x}, outputs), list(outputs))
    assert [(node.title, node.sources) for node in found if node.kind == "output"] == [
        ("a", [1]),
        ("b", [1]),
        ("same_as_b", [1]),
    ]


def test_one_thing_is_named_in_the_singular() -> None:
    x = keras.Input((1,), name="x")
    hidden = ParallelMLP(1, [8], name="experts")(x)  # (1, batch, 8)
    weights = Gates(1, 1, name="gates")(x)
    y = ParallelDense(1, 1, name="head")(Mix()(weights, hidden))[0]
    found = nodes_of(keras.Model({"x": x}, {"a": y}), ["a"])
    sizes = {node.title: node.sizes for node in found}
    assert sizes["x"] == "1 column"
    assert sizes["experts"] == "1 network of 8"
    assert sizes["gates"] == "over 1 expert"
    assert sizes["head"] == "1 layer of 1"


def test_many_outputs_are_one_part() -> None:
    x = keras.Input((3,), name="x")
    outputs = {f"task{i}": keras.layers.Dense(1)(x) for i in range(5)}
    last = nodes_of(keras.Model({"x": x}, outputs), list(outputs))[-1]
    assert (last.title, last.sources) == ("5 outputs", [1, 2, 3, 4, 5])


def test_each_part_stands_above_those_that_it_reads() -> None:
    found = nodes("model=ple", "encoder=deepfm")
    row_of = {i: row for row, row_parts in enumerate(rows_of(found)) for i in row_parts}
    assert all(row_of[s] < row_of[i] for i, p in enumerate(found) for s in p.sources)
    chart = network_chart(found)
    boxes = [m.attributes for m in chart.marks if m.tag == "rect"]
    for box in boxes:
        assert box["x"] >= 0 and box["x"] + box["width"] <= chart.width
        assert box["y"] >= 0 and box["y"] + box["height"] <= chart.height
    corners = {(box["x"], box["y"]) for box in boxes}
    assert len(corners) == len(boxes)
