"""Weights find their places in the network of another run."""

import functools
import itertools
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from helpers import networks
from helpers.networks import (
    ALL_PAIRS,
    ENCODER_OF,
    ENCODERS,
    LAYOUT,
    MODELS,
    QUICK_MODELS,
    TASKS,
    randomize,
)
from helpers.slow import covering, slow_except

from mtl_cli.columns.layout import Block, EmbeddingTable, Layout
from mtl_cli.config.run_config import Config
from mtl_cli.config.start_from import PARTS
from mtl_cli.core.errors import ConfigError
from mtl_cli.encoders.deepfm import DeepFM
from mtl_cli.layers import ParallelMLP, Routing
from mtl_cli.layers.routing import routes_to_shared
from mtl_cli.network.blocks import blocks_of
from mtl_cli.network.build import build
from mtl_cli.network.feature_columns import Column, FeatureColumns, feature_slices
from mtl_cli.network.network import Network
from mtl_cli.network.parallel_networks import pieces_of
from mtl_cli.network.parts import freeze, part_of_layers
from mtl_cli.network.transfer import BlockName, copy_weights, describe_blocks, match

DEEP = "encoder.deep_units=[5]"
THIRD = "+dataset.tasks.rating={label: rating, kind: binary}"
# The layout with two features more, and with its features in another order.
WIDER = Layout(
    {"city": EmbeddingTable(3)} | LAYOUT.tables,
    {"city": Block("ids", table="city"), "more": Block("dense")} | LAYOUT.blocks,
)
REORDERED = Layout(
    {name: LAYOUT.tables[name] for name in ("hour", "user", "item")},
    {name: LAYOUT.blocks[name] for name in ("numbers", "hour", "user", "item")},
)
SEEDS = itertools.count()
PER_SCENARIO = "model.towers=per_scenario"
# What keeps a model the same if its tasks come in another order.
SAME_IN_ANY_ORDER = {"dbmtl": ["model.parents={never_married: [income]}"]}
Trained = tuple[Network, Config, Layout]
SCENARIOS = [str(number) for number in range(1, 10)]  # the names of scenarios


def trained(
    *overrides: str,
    tasks: tuple[str, ...] = ("income", "rating"),
    layout: Layout = LAYOUT,
    **sizes: int,
) -> Trained:
    """A network with random weights, its configuration and its layout."""
    chosen = f"tasks=[{','.join(tasks)}]"
    config = networks.config("encoder.embedding_dim=4", THIRD, chosen, *overrides)
    tables = {
        name: EmbeddingTable(sizes.get(name, table.size))
        for name, table in layout.tables.items()
    }
    layout = Layout(tables, layout.blocks)
    network = build(config, layout)
    randomize(network.logits, seed=next(SEEDS))
    return network, config, layout


def started(new: Trained, earlier: Trained) -> Any:
    """Copies all weights that both networks have; returns what was matched."""
    shapes = ([w.shape for w in x[0].logits.weights] for x in (earlier, new))
    found = match(blocks_of(*earlier, SCENARIOS), blocks_of(*new, SCENARIOS), *shapes)
    copy_weights(earlier[0].logits, new[0].logits, found.copies)
    return found


def logits(network: Network, features: dict[str, Any]) -> dict[str, Any]:
    return {k: y.numpy() for k, y in network.logits(features, training=False).items()}


@pytest.mark.slow
def test_experts_of_groups_follow_their_groups_in_another_order():
    settings = ["model=home", "model.num_shared_experts=1", DEEP]
    settings.append("model.feature_factors=false")
    groups = ["a: [income]", "b: [rating]"]
    earlier, new = (
        trained(*settings, f"model.groups={{{', '.join(order)}}}")
        for order in (groups, groups[::-1])
    )
    found = started(new, earlier)
    assert not found.fresh
    features = networks.features()
    expected, copied = (logits(each[0], features) for each in (earlier, new))
    for task, values in expected.items():
        np.testing.assert_allclose(copied[task], values, 1e-5, 1e-6)


@functools.cache
def with_all_layers(model: str, encoder: str) -> Trained:
    """Builds a network of a pair with all kinds of layers that the pair can have."""
    settings = [f"model={model}", f"encoder={encoder}", "model.batch_norm=true", DEEP]
    if "gate_units" in networks.config(f"model={model}").model.model_fields_set:
        settings.append("model.gate_units=[3]")
    return trained(*settings)


# The default suite builds a few models, and each encoder; the slow suite each model.
QUICK = [(model, ENCODER_OF[model]) for model in [*QUICK_MODELS, "ple"]]
ONCE = [*ENCODER_OF.items()]
OTHERS = [pair for pair in ALL_PAIRS if pair not in ONCE]


@pytest.mark.parametrize(
    ("model", "encoder"),
    slow_except(QUICK, ONCE) + slow_except([], OTHERS, pytest.mark.exhaustive),
)
def test_blocks_cut_every_weight_into_pieces_that_do_not_overlap(model, encoder):
    network, config, layout = with_all_layers(model, encoder)
    counts = [np.zeros(w.shape, int) for w in network.logits.weights]
    for block in blocks_of(network, config, layout, SCENARIOS).values():
        counts[block.weight][block.index] += 1
    assert all((count == 1).all() for count in counts)


def test_task_called_shared_has_blocks_apart_from_the_shared_ones():
    shared = "+dataset.tasks.shared={label: rating, kind: binary}"
    network, config, layout = trained(
        "model=stem", shared, DEEP, tasks=("income", "shared")
    )
    counts = [np.zeros(w.shape, int) for w in network.logits.weights]
    for block in blocks_of(network, config, layout, SCENARIOS).values():
        counts[block.weight][block.index] += 1
    assert all((count == 1).all() for count in counts)


# A task of these models reads experts of the other tasks.
JOINED = {"adatt", "aitm", "cross_stitch", "m3oe", "ple", "stem"}
CHAINS = {"aitm"}  # a chain of its tasks, in their order
SEPARATE = sorted({*MODELS} - JOINED)


@pytest.mark.parametrize(
    "model", slow_except(["mmoe", "ple"], sorted({*MODELS} - CHAINS))
)
def test_tasks_in_another_order_predict_the_same(model):
    settings = [f"model={model}", "encoder=deepfm", DEEP, "model.heads=independent"]
    settings += SAME_IN_ANY_ORDER.get(model, [])
    earlier = trained(*settings, tasks=("income", "rating", "never_married"))
    new = trained(*settings, tasks=("never_married", "income", "rating"))
    found = started(new, earlier)
    assert not (found.fresh or found.changed or found.dropped)
    old, now = (logits(x[0], networks.features()) for x in (earlier, new))
    for task in TASKS:
        # Sums of float32 numbers up to 50 in another order.
        np.testing.assert_allclose(now[task], old[task], rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("model", slow_except(["cgc"], SEPARATE))
def test_tasks_that_stay_predict_the_same_without_a_task_and_with_a_new_one(model):
    settings = [f"model={model}", "encoder=xdeepfm", DEEP, "model.heads=independent"]
    settings += SAME_IN_ANY_ORDER.get(model, [])
    earlier = trained(*settings, tasks=("income", "rating", "never_married"))
    old = logits(earlier[0], networks.features())
    fewer = trained(*settings, tasks=("never_married", "income"))
    assert started(fewer, earlier).dropped
    for task, y in logits(fewer[0], networks.features()).items():
        np.testing.assert_allclose(y, old[task], rtol=1e-5, atol=1e-5)
    again = trained(*settings, tasks=("rating", "income", "never_married"))
    before = logits(again[0], networks.features())
    assert {n.owner.partition(" ")[0] for n in started(again, fewer).fresh} <= {
        "rating",
        "user",
        "item",
        "hour",
    }
    now = logits(again[0], networks.features())
    for task in ("income", "never_married"):
        np.testing.assert_allclose(now[task], old[task], rtol=1e-5, atol=1e-5)
        assert np.abs(now[task] - before[task]).max() > 1e-3


def test_added_experts_leave_the_earlier_ones_and_their_gates_in_place():
    two = trained(
        "model=cgc", "model.num_specific_experts=1", "model.num_shared_experts=2"
    )
    more = trained(
        "model=cgc", "model.num_specific_experts=2", "model.num_shared_experts=3"
    )
    found = started(more, two)
    fresh = {(x.layer, x.owner, x.piece, x.expert) for x in found.fresh}
    for task in ("income", "rating"):
        assert ("level_1_specific_experts", f"{task} 2", "0.kernel", "") in fresh
        assert ("level_1_gates", task, "logits.kernel", f"{task} 2") in fresh
        assert ("level_1_gates", task, "logits.kernel", "shared 3") in fresh
    # Kernels, factors and biases of three experts; columns of two gates.
    assert len(fresh) == 3 * 5 + 2 * 2
    layers = [{x.name: x for x in t[0].logits.layers} for t in (two, more)]
    specific, gates = "level_1_specific_experts", "level_1_gates"
    for task in range(2):
        for depth in range(2):
            old, new = (
                networks.read_dense(networks.dense_layers(x[specific])[depth], i)
                for x, i in zip(layers, (task, 2 * task), strict=True)
            )
            np.testing.assert_array_equal(old[0], new[0])
            np.testing.assert_array_equal(old[1], new[1])
        old, new = (networks.read_dense(x[gates].logits, task)[0] for x in layers)
        np.testing.assert_array_equal(old[:, 0], new[:, 0])  # the specific expert
        np.testing.assert_array_equal(old[:, 1:], new[:, 2:4])  # the shared experts


@pytest.mark.parametrize("model", ["single_task", "mmoe"])
def test_ids_keep_their_vectors_where_a_table_has_grown(model):
    settings = [f"model={model}", "encoder=deepfm"]
    earlier, new = trained(*settings), trained(*settings, user=11, hour=6)
    before = [w.numpy() for w in new[0].logits.weights if "embedding" in w.path]
    found = started(new, earlier)
    assert not (found.fresh or found.changed or found.dropped)
    old, now = (
        [w.numpy() for w in x[0].logits.weights if "embedding" in w.path]
        for x in (earlier, new)
    )
    for a, b, start in zip(old, now, before, strict=True):
        np.testing.assert_array_equal(b[:7], a[:7])  # user
        np.testing.assert_array_equal(b[7:11], start[7:11])  # appended
        np.testing.assert_array_equal(b[11:20], a[7:16])  # item, hour
        np.testing.assert_array_equal(b[20:], start[20:])


def test_scenarios_keep_their_experts_gates_and_towers_where_new_ones_are_added():
    earlier, new = trained("model=m3oe"), trained("model=m3oe", hour=6)
    before = new[0].logits.get_layer("towers_0_1").stack[0].kernel.numpy()
    found = started(new, earlier)
    assert not (found.changed or found.dropped)
    fresh = {(n.layer.partition(" ")[0], n.owner, n.scenario) for n in found.fresh}
    assert fresh == {
        *{(layer, "1", s) for layer in ("scenario_experts", "star") for s in "45"},
        *{
            (layer, task, s)
            for layer in ("gates", "tower", "tower_logits")
            for task in ("income", "rating")
            for s in "45"
        },
    }
    layers = [{x.name: x for x in t[0].logits.layers} for t in (earlier, new)]
    for number in range(2 * 3):
        task, scenario = divmod(number, 3)
        for read in (
            lambda x: x["towers_0_1"].stack[0],
            lambda x: x["towers_0_1_logits"],
            lambda x: x["gates"].gates.logits,
        ):
            old = networks.read_dense(read(layers[0]), number)[0]
            now = networks.read_dense(read(layers[1]), 5 * task + scenario)[0]
            np.testing.assert_array_equal(old, now)
    for task in range(2):
        after = layers[1]["towers_0_1"].stack[0].kernel.numpy()
        fresh = np.split(after[task], 5, axis=-1)[3:]
        start = np.split(before[task], 5, axis=-1)[3:]
        np.testing.assert_array_equal(fresh, start)


SCENARIO_AXES = {"scenario_kernel": 1, "scenario_bias": 1} | dict.fromkeys(
    ("scenario_gamma", "scenario_beta", "moving_mean", "moving_variance"), 0
)


@pytest.mark.parametrize(
    "settings",
    [["model=star"], ["model=mmoe", *networks.SCENARIO, "model.towers=star"]],
)
def test_factors_of_scenarios_stay_where_new_scenarios_are_added(settings):
    earlier, new = trained(*settings), trained(*settings, hour=6)
    start = {w.path: w.numpy() for w in new[0].logits.weights}
    found = started(new, earlier)
    assert not (found.changed or found.dropped)
    of_scenarios = [name for name in found.fresh if name.part != "embeddings"]
    assert {name.scenario for name in of_scenarios} == {"4", "5"}
    num_axes = 0
    for old, now in zip(earlier[0].logits.weights, new[0].logits.weights, strict=True):
        if (axis := SCENARIO_AXES.get(now.name)) is None:
            continue
        num_axes += 1
        known, fresh = np.split(now.numpy(), [3], axis)
        np.testing.assert_array_equal(known, old.numpy())
        np.testing.assert_array_equal(fresh, np.split(start[now.path], [3], axis)[1])
    assert num_axes >= 4
    assert " in scenario 4, " in describe_blocks(of_scenarios, "new")[-1]
    rows = networks.features()
    # Scenarios 1 to 3: an unknown scenario gets the mean over all.
    rows["ids"][:, 2] = rows["ids"][:, 2] % 3 + 1
    old, now = (logits(x[0], rows) for x in (earlier, new))
    for task, y in now.items():
        np.testing.assert_allclose(y, old[task], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("settings", [[], [*networks.SCENARIO, PER_SCENARIO]])
def test_members_keep_their_input_signs_and_heads_where_members_are_added(settings):
    settings = ["model=shared_bottom", *settings]
    earlier = trained(*settings, "model.members=2")
    new = trained(*settings, "model.members=3")
    found = started(new, earlier)
    assert not (found.changed or found.dropped)
    assert describe_blocks(found.fresh, "new")[0] == (
        "experts: input signs of member 3: new"
    )
    old, now = (x[0].logits.get_layer("members").scale.numpy() for x in (earlier, new))
    np.testing.assert_array_equal(now[:2], old)
    assert {name.owner for name in found.fresh if name.part == "towers"} == {
        "income 3",
        "rating 3",
    }
    rows = networks.features()
    old, now = (logits(x[0], rows) for x in (earlier, new))
    for task, y in now.items():  # the rows of members 1 and 2 come first
        np.testing.assert_allclose(y[: len(old[task])], old[task], rtol=1e-5, atol=1e-5)


def test_members_keep_the_input_signs_of_each_task_in_another_order_of_tasks():
    settings = ["model=single_task", "model.members=2"]
    earlier = trained(*settings, tasks=("income", "rating"))
    new = trained(*settings, tasks=("rating", "income"))
    found = started(new, earlier)
    assert not (found.fresh or found.changed or found.dropped)
    old, now = (
        [x[0].logits.get_layer(f"members_{i}").scale.numpy() for i in range(2)]
        for x in (earlier, new)
    )
    np.testing.assert_array_equal(now, old[::-1])


def test_columns_of_a_gate_are_named_by_their_experts():
    def described(*names):
        blocks = [BlockName("gates", "gates", *name) for name in names]
        return describe_blocks(blocks, "new")

    assert described(("click", "0.kernel", "buy 1")) == [
        "gates: gates of click for expert buy 1: new"
    ]
    many = [(task, "0.kernel", str(i)) for task in "ab" for i in range(1, 9)]
    (line,) = described(("a", "bias"), *many)
    assert line == "gates: gates of a for 8 experts, b for 8 experts: new"


def test_layers_of_another_shape_are_named_and_left_as_they_are():
    earlier = trained("model=mmoe", "model.tower_units=[6]")
    new = trained("model=mmoe", "model.tower_units=[9]")
    kernels = [w.numpy() for w in new[0].logits.weights if "towers" in w.path]
    found = started(new, earlier)
    assert {name.layer for name in found.changed} == {"tower", "tower_logits"}
    for weight, kernel in zip(
        [w for w in new[0].logits.weights if "towers" in w.path], kernels, strict=True
    ):
        # The bias of the logits has the same shape.
        same = weight.shape == (2, 1, 1)
        assert (weight.numpy() == kernel).all() != same


EXPECTED: dict[str, set[str]] = {
    "dbmtl": {"embeddings", "encoder", "experts", "towers"},
    "aitm": {"embeddings", "encoder", "experts", "towers"},
    "esmm": {"embeddings", "encoder", "towers"},
    "pepnet": {"embeddings", "encoder", "towers"},
    "shared_bottom": {"embeddings", "encoder", "experts", "towers"},
    "star": {"embeddings", "encoder", "experts", "towers"},
    "single_task": {"embeddings", "encoder", "experts", "towers"},
}


@pytest.mark.parametrize("model", slow_except([*QUICK_MODELS, "ple"], MODELS))
def test_every_layer_belongs_to_the_part_that_its_paper_names(model):
    network, _, _ = with_all_layers(model, ENCODER_OF[model])
    parts = part_of_layers(network)
    assert set(parts.values()) == EXPECTED.get(model, set(PARTS))
    for name, part in parts.items():
        if "gate" in name or "expert" in name:
            assert part == ("gates" if "gate" in name else "experts")
        assert name.startswith("towers_") == (part == "towers")
        assert ("embedding" in name) == (part == "embeddings")
    layers = network.logits.layers
    assert parts.keys() == {layer.name for layer in layers if layer.weights}


@pytest.mark.parametrize(
    ("model", "part"),
    slow_except([("mmoe", part) for part in PARTS], itertools.product(MODELS, PARTS)),
)
def test_frozen_part_has_no_weight_that_training_moves(model, part):
    # Not `with_all_layers`: a network that was frozen stays so in part.
    network, _, _ = trained(f"model={model}", "encoder=dcn", "model.batch_norm=true")
    freeze(network, [part])
    parts = part_of_layers(network)
    moved = {id(w) for w in network.logits.trainable_weights}
    before = [w.numpy() for w in network.logits.weights]
    network.logits(networks.features(), training=True)  # moves batch statistics
    for layer in network.logits.layers:
        if layer.weights and parts[layer.name] == part:
            assert not moved & {id(w) for w in layer.weights}
    for weight, old in zip(network.logits.weights, before, strict=True):
        layer = weight.path.partition("/")[0]
        is_statistic = "moving" in weight.path
        assert (weight.numpy() == old).all() == (
            not is_statistic or parts[layer] == part
        )
    assert tf.executing_eagerly()


@pytest.mark.parametrize(
    ("model", "encoder"),
    covering(["single_task", "ple"], ["embedding", "deepfm"])
    + slow_except([], itertools.product(["esmm"], ["embedding", "deepfm"]))
    + slow_except([], itertools.product(["home", "m3oe", "poso"], ["embedding"])),
)
def test_layers_keep_the_rows_of_features_that_stay(model, encoder):
    """A vector of zeros for the new feature, and the same logits as before."""
    settings = [f"model={model}", f"encoder={encoder}"]
    if encoder == "deepfm":
        settings.append(DEEP)
    earlier = trained(*settings)
    new = trained(*settings, layout=WIDER)
    found = started(new, earlier)
    assert not found.fresh or {n.owner for n in found.fresh} == {"city"}
    assert {n.feature for n in found.changed} == {"city", "more"}
    rows = networks.features()
    old = logits(earlier[0], rows)
    ids = np.concatenate([np.ones_like(rows["ids"][:, :1]), rows["ids"]], axis=1)
    zeros = np.zeros_like(rows["dense"][:, :1])
    dense = np.concatenate([zeros, rows["dense"]], axis=1)
    for weight in new[0].logits.weights:
        if "embedding" in weight.path:
            values = weight.numpy()
            values[:3] = 0
            weight.assign(values)
    for task, y in logits(new[0], {"ids": ids, "dense": dense}).items():
        np.testing.assert_allclose(y, old[task], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("encoder", "members"),
    slow_except(
        [(encoder, 1) for encoder in ENCODERS] + [("deepfm", 2)],
        itertools.product(ENCODERS, [1, 2]),
    ),
)
def test_layers_on_features_in_another_order_are_not_mixed_up(encoder, members):
    """A layer goes on with each feature's own rows, or starts fresh."""
    settings = ["model=mmoe", f"encoder={encoder}", f"model.members={members}"]
    earlier = trained(*settings)
    new = trained(*settings, layout=REORDERED)
    found = started(new, earlier)
    if encoder in ("embedding", "deepfm"):
        assert not (found.fresh or found.changed or found.dropped)
        rows = networks.features()
        old = logits(earlier[0], rows)
        ids = rows["ids"][:, [2, 0, 1]]
        for task, y in logits(new[0], {**rows, "ids": ids}).items():
            np.testing.assert_allclose(y, old[task], rtol=1e-4, atol=1e-4)
    else:
        assert not (found.fresh or found.dropped)
        assert {"experts", "gates"} <= {n.part for n in found.changed}


def test_inherited_names_do_not_name_the_columns_of_other_interactions():
    class Wider(DeepFM):
        def interact(self, fields):
            return [*super().interact(fields), fields.flat]

    chosen = networks.config("encoder=deepfm", "encoder.embedding_dim=4")
    encoder = Wider.model_validate(chosen.encoder.model_dump())
    chosen = chosen.model_copy(update={"encoder": encoder})
    network = build(chosen, LAYOUT)
    names = FeatureColumns(network, chosen, LAYOUT).encoding_columns
    assert names == [names[0]] * network.encodings[0].shape[-1]


# Models with layers of their own that read columns of features, or scale them.
SETTINGS_BY_READER = {
    "ple": [],
    "single_task": [],
    "home": [],
    "m3oe": [],
    "pepnet": ["encoder.domain_features=[hour, user]"],
    "pepnet on deepfm": ["encoder=deepfm", DEEP],
    # In one of the orders, the feature that the gates read stands beside x twice.
    "pepnet of one feature": [
        "encoder.domain_features=[hour]",
        "model.prior_features=[hour]",
    ],
    "poso": ["model.personal_features=[item, user]"],
    "star": [],
    "star of members": ["model.members=2"],
    "star without layers": ["model.bottom_units=[]"],
}


@pytest.mark.parametrize(
    "reader", slow_except(["pepnet of one feature", "ple"], SETTINGS_BY_READER)
)
def test_features_in_another_order_predict_the_same(reader):
    settings = [f"model={reader.split()[0]}", *SETTINGS_BY_READER[reader]]
    settings += [f"++dataset.features.{x}={{kind: sparse}}" for x in LAYOUT.tables]
    earlier, new = trained(*settings), trained(*settings, layout=REORDERED)
    found = started(new, earlier)
    assert not (found.fresh or found.changed or found.dropped)
    rows = networks.features()
    reordered = {**rows, "ids": rows["ids"][:, [2, 0, 1]]}
    old, now = logits(earlier[0], rows), logits(new[0], reordered)
    for task, y in now.items():
        # The products are summed in another order.
        np.testing.assert_allclose(y, old[task], atol=2e-6 * np.abs(old[task]).max())


def test_networks_in_one_layer_of_gates_have_pieces_with_different_names():
    hidden = {prefix: ParallelMLP(2, [3]) for prefix in ("left.", "right.")}
    for mlp in hidden.values():
        mlp(np.zeros((1, 4), "float32"))

    class TwoHidden(Routing):
        def parts(self):
            return hidden

    pieces = list(pieces_of(TwoHidden(routes_to_shared(2, num_experts=1))))
    assert [piece.name for piece in pieces if piece.network == 0] == [
        *("left.0.kernel", "left.0.bias", "right.0.kernel", "right.0.bias")
    ]


def test_slices_of_features_keep_all_rows_whatever_the_names():
    names = ["age", "age", "age 2", "x", "age", "y", "age"]
    slices = feature_slices([Column(name) for name in names])
    assert len({(feature, number) for feature, number, _ in slices}) == len(slices)
    rows = [row for x in slices for row in range(x.columns.start, x.columns.stop)]
    assert rows == list(range(len(names)))


def test_network_in_which_nothing_is_left_to_train_is_refused():
    network, *_ = trained("model=shared_bottom", "encoder=embedding")
    with pytest.raises(ConfigError, match="nothing is left to train"):
        freeze(network, ["embeddings", "experts", "towers"])
