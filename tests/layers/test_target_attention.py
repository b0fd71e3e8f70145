"""The attention of DIN: its equation, DeepCTR's layer, and its place in a network."""

import keras
import numpy as np
import pytest
from helpers import networks

from mtl_cli.columns.layout import Block, EmbeddingTable, Layout
from mtl_cli.layers import TargetAttention, deepctr
from mtl_cli.layers.pooling import attending_feature
from mtl_cli.network.blocks import blocks_of
from mtl_cli.network.build import build
from mtl_cli.network.transfer import copy_weights, match

SETS, ROWS, LENGTH, DIM, UNITS = 2, 5, 4, 3, 6


def attention_and_inputs(num_sets=SETS):
    """Returns an attention with random weights, and its three inputs."""
    random = np.random.default_rng(0)
    values = random.normal(size=(num_sets, ROWS, LENGTH, DIM)).astype("float32")
    targets = random.normal(size=(num_sets, ROWS, 1, DIM)).astype("float32")
    lengths = np.array([4, 0, 1, 2, 3])
    factors = (np.arange(LENGTH) < lengths[:, None]).astype("float32")
    layer = TargetAttention([UNITS], num_sets)
    layer(values, targets, factors)
    for weight in layer.weights:
        weight.assign(random.normal(size=weight.shape))
    return layer, values, targets, factors


def test_attention_is_the_papers_equation():
    layer, values, targets, factors = attention_and_inputs()
    factors = factors * np.arange(1, LENGTH + 1, dtype="float32")
    found = layer(values, targets, factors).numpy()
    assert found.shape == (SETS, ROWS, 1, DIM)
    hidden_kernel, hidden_bias, kernel, bias = (w.numpy() for w in layer.weights)
    for i in range(SETS):
        for row in range(ROWS):
            t = targets[i, row, 0]
            expected = np.zeros(DIM)
            for e, factor in zip(values[i, row], factors[row], strict=True):
                z = np.concatenate([e, t, e * t]) @ hidden_kernel[i] + hidden_bias[i, 0]
                a = np.maximum(z, 0) @ kernel[i] + bias[i, 0]
                expected += factor * a * e
            np.testing.assert_allclose(found[i, row, 0], expected, 1e-4, 1e-5)
    assert (found[:, 1] == 0).all()  # an empty sequence


def test_attention_equals_deepctrs_layer():
    layer, values, targets, factors = attention_and_inputs(num_sets=1)
    deepctr.import_layers()
    from deepctr.layers.sequence import AttentionSequencePoolingLayer

    peer = AttentionSequencePoolingLayer([UNITS], "relu")
    lengths = factors.sum(axis=1, keepdims=True).astype("int32")
    inputs = [targets[0], values[0], lengths]
    peer(inputs)
    hidden_kernel, hidden_bias, kernel, bias = (w.numpy()[0] for w in layer.weights)
    of_value, of_target, of_product = np.split(hidden_kernel, 3)
    # DeepCTR reads [t; e; t - e; t * e]. Half of the part of t moves to t - e.
    of_difference = of_target / 2
    theirs = [of_target / 2, of_value + of_difference, of_difference, of_product]
    weights = {
        (4 * DIM, UNITS): np.concatenate(theirs),
        (UNITS,): hidden_bias[0],
        (UNITS, 1): kernel,
        (1,): bias[0],
    }
    for weight in peer.weights:
        weight.assign(weights.pop(tuple(weight.shape)))
    assert not weights
    found = layer(values, targets, factors)[0]
    np.testing.assert_allclose(found, peer(inputs), rtol=1e-4, atol=1e-5)


def layout_of(*sequences: str) -> Layout:
    blocks = {"item": Block("ids", table="item"), "numbers": Block("dense", 2)}
    for name in sequences:
        blocks[name] = Block("sequences", LENGTH, "item", "attention")
    return Layout({"item": EmbeddingTable(20)}, blocks)


def features_of(layout: Layout) -> dict[str, np.ndarray]:
    random = np.random.default_rng(1)
    width = layout.width("sequences")
    return {
        "ids": random.integers(0, 20, (ROWS, 1)).astype("int32"),
        "dense": random.normal(size=(ROWS, 2)).astype("float32"),
        "sequences": random.integers(0, 20, (ROWS, width)).astype("int32"),
        "sequence_weights": np.ones((ROWS, width), "float32"),
    }


@pytest.mark.parametrize("model", ["mmoe", "stem"])
def test_network_attends_to_the_item_of_the_row(model):
    # STEM has a set of embeddings, and so an attention, for each task.
    config = networks.config(f"model={model}", "encoder=deepfm")
    layout = layout_of("history")
    network = build(config, layout)
    networks.randomize(network.logits)
    (attention,) = (x for x in network.logits.layers if isinstance(x, TargetAttention))
    assert attending_feature(attention, layout) == "history"
    table = next(x for x in network.logits.layers if x.name == "embedding")
    x = features_of(layout)
    probe = keras.Model(network.logits.inputs, [attention.output, table.output])
    found, vectors = probe(x)
    expected = attention(vectors[:, :, 1:], vectors[:, :, :1], x["sequence_weights"])
    np.testing.assert_array_equal(found, expected)


def test_a_run_that_starts_from_another_takes_over_the_attention_of_each_sequence():
    config = networks.config("model=stem", "encoder=deepfm")
    earlier, new = (layout_of("a", "b"), layout_of("c", "b", "a"))
    networks_of = [build(config, layout) for layout in (earlier, new)]
    for seed, network in enumerate(networks_of):
        networks.randomize(network.logits, seed)
    blocks = [
        blocks_of(network, config, layout, [])
        for network, layout in zip(networks_of, (earlier, new), strict=True)
    ]
    shapes = [[w.shape for w in n.logits.weights] for n in networks_of]
    found = match(*blocks, *shapes)
    assert {x.layer for x in found.fresh} == {"attention of c"}
    assert not found.dropped
    copy_weights(networks_of[0].logits, networks_of[1].logits, found.copies)
    weights = [
        {
            attending_feature(x, layout): x.get_weights()
            for x in network.logits.layers
            if isinstance(x, TargetAttention)
        }
        for network, layout in zip(networks_of, (earlier, new), strict=True)
    ]
    for name in ("a", "b"):
        for old, copied in zip(weights[0][name], weights[1][name], strict=True):
            np.testing.assert_array_equal(old, copied)
