"""The state of an optimizer, saved for runs that start from it."""

from typing import Any

import numpy as np
import pytest
from helpers import networks

from mtl_cli.core.run_folder import RunFolder
from mtl_cli.network.transfer import Block, Copy, EarlierOptimizer
from mtl_cli.training import optimizer_state
from mtl_cli.training.steps import Steps


def steps_of(*settings: str) -> tuple[Any, Steps]:
    """A small network, and the steps that train it."""
    settings = ("model=shared_bottom", "model.bottom_units=[3]", *settings)
    network = networks.network(*settings)
    return network, Steps(networks.config(*settings), network, num_rows=100)


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
@pytest.mark.parametrize("optimizer", ["adagrad", "adam", "adamw", "sgd"])
def test_slots_of_a_weight_bear_its_name(optimizer: str, schedule: str) -> None:
    momentum = ["optimizer.momentum=0.9"] if optimizer == "sgd" else []
    _, steps = steps_of(
        f"optimizer={optimizer}", f"optimizer.schedule={schedule}", *momentum
    )
    slots = optimizer_state.slots_of_keras(steps)
    for weight in steps.model.trainable_variables:
        assert slots[id(weight)]
        for slot in slots[id(weight)]:
            assert slot.name.startswith(weight.path.replace("/", "_"))
            assert slot.shape == weight.shape


@pytest.mark.parametrize("lazy", [("true", "false"), ("false", "true")])
def test_slots_go_on_where_a_table_is_first_updated_by_rows_and_then_as_a_whole(
    lazy: tuple[str, str], tmp_path: Any
) -> None:
    network, steps = steps_of(f"optimizer.lazy={lazy[0]}")
    random = np.random.default_rng(0)
    table = network.logits.get_layer("embedding").table
    slots = [random.random(table.shape).astype("float32") for _ in range(2)]
    if lazy[0] == "true":
        steps.tables[0].set_slots(slots)
    else:
        for slot, x in zip(
            optimizer_state.slots_of_keras(steps)[id(table)], slots, strict=True
        ):
            slot.assign(x)
    steps.optimizer.iterations.assign(7)
    folder = RunFolder(tmp_path)
    optimizer_state.save(folder, network, steps)
    folder.release()

    network, steps = steps_of(f"optimizer.lazy={lazy[1]}")
    (i,) = (i for i, w in enumerate(network.logits.weights) if "embedding" in w.path)
    first, later = (slice(0, 5), slice(None)), (slice(2, 7), slice(None))
    copies = (Copy(Block(i, first), Block(i, later)),)
    file = tmp_path / optimizer_state.OPTIMIZER
    shapes = tuple(tuple(weight.shape) for weight in network.logits.weights)
    optimizer_state.restore(network, steps, EarlierOptimizer(7, file, copies, shapes))
    table = network.logits.get_layer("embedding").table
    new = (
        steps.tables[0].slots()
        if steps.tables
        else [x.numpy() for x in optimizer_state.slots_of_keras(steps)[id(table)]]
    )
    assert int(steps.optimizer.iterations) == 7
    for old, now in zip(slots, new, strict=True):
        np.testing.assert_array_equal(now[2:7], old[:5])
        assert not now[:2].any() and not now[7:].any()


def test_slots_of_known_scenarios_go_on_where_a_scenario_is_added() -> None:
    earlier = np.random.default_rng(0).random((2, 3, 4, 5))
    every = slice(None)
    pairs = [
        (Block(0, index), index)
        for index in ((every, slice(s, s + 1), every, every) for s in range(3))
    ]
    slot = optimizer_state.copy_into_slot(
        np.full((2, 4, 4, 5), 0.1), {"0-0": earlier}, 0, pairs, [earlier.shape]
    )
    np.testing.assert_array_equal(slot[:, :3], earlier)
    assert (slot[:, 3] == 0.1).all()


def test_slots_with_a_value_per_vector_go_on_in_the_set_of_the_same_task() -> None:
    earlier = np.random.default_rng(0).random((5, 2))  # vectors of length 4
    first_set, second_set = slice(0, 4), slice(4, 8)
    pairs = [(Block(0, (slice(0, 5), second_set)), (slice(0, 5), first_set))]
    slot = optimizer_state.copy_into_slot(
        np.zeros((6, 3)), {"0-0": earlier}, 0, pairs, [(5, 8)], columns_per_value=4
    )
    np.testing.assert_array_equal(slot[:5, 0], earlier[:, 1])
    assert not slot[5:].any() and not slot[:, 1:].any()


def test_schedule_starts_anew_after_the_steps_of_the_earlier_run() -> None:
    optimizer = networks.config("optimizer.schedule=linear").optimizer
    for first in (0, 100):
        built = optimizer.build(4, first)
        for step, share in enumerate((1, 3 / 4, 2 / 4, 1 / 4)):
            built.iterations.assign(first + step)
            assert float(built.learning_rate) == pytest.approx(share * 1e-3)
