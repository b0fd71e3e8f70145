"""Saves an optimizer's state after a run, and restores the state in a later run.

A slot is an array that an optimizer keeps for a weight, such as Adam's moments.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mtl_cli.core.errors import DAMAGED_FILE_ERRORS, DataError, first_line
from mtl_cli.core.other_files import check_numbers
from mtl_cli.core.run_folder import RunFolder
from mtl_cli.network.network import Network
from mtl_cli.network.parallel_networks import Index
from mtl_cli.network.transfer import Block, EarlierOptimizer, group_by_weight
from mtl_cli.training.checkpoint import read_intact, write_arrays
from mtl_cli.training.steps import Steps

Array = npt.NDArray[Any]
OPTIMIZER = "model/optimizer.npz"


def save(folder: RunFolder, network: Network, steps: Steps) -> None:
    """Writes the state of the optimizer after the last step.

    The array `2-0` is the first slot of the third weight of the network. A lazy
    embedding table has the same slots as a table that is updated as a whole, so a later
    run may update the table in either way.
    """
    with folder.replacing(OPTIMIZER) as path:
        step = int(steps.optimizer.iterations)
        write_arrays(path, slots(network, steps), {"step": step})


def read_step(path: Path) -> int | None:
    """Returns the step in a file that `save` has written; None if it is damaged."""
    step = (read_intact(path) or {}).get("step")
    # `type`, because `isinstance` would accept True as an int.
    return step if type(step) is int and step >= 0 else None


def slots(network: Network, steps: Steps) -> Iterator[tuple[str, Array]]:
    """Yields the name and the values of each slot, one by one to save memory."""
    lazy_tables = {id(table.layer.table): table for table in steps.tables}
    keras_slots = slots_of_keras(steps)
    for i, weight in enumerate(network.logits.weights):
        if table := lazy_tables.get(id(weight)):
            for k, slot in enumerate(table.slots()):
                yield f"{i}-{k}", slot
        for k, variable in enumerate(keras_slots.get(id(weight), [])):
            yield f"{i}-{k}", variable.numpy()


def slots_of_keras(steps: Steps) -> dict[int, list[Any]]:
    """Returns the slots in the Keras optimizer: {`id` of a weight: its slots}.

    Keras lists all slots of the first weight, then of the second weight, and so on. All
    weights have the same number of slots.
    """
    weights = steps.model.trainable_variables
    variables = [
        variable
        for variable in steps.optimizer.variables
        if variable.name not in ("iteration", "learning_rate")
    ]
    num_slots = len(variables) // max(len(weights), 1)  # there may be no weights
    return {
        id(weight): variables[i * num_slots : (i + 1) * num_slots]
        for i, weight in enumerate(weights)
    }


def restore(network: Network, steps: Steps, earlier: EarlierOptimizer) -> None:
    """Sets the optimizer's slots and number of steps from an earlier run.

    The slots of all blocks that were copied from the earlier run are set. Other blocks,
    such as the vectors of new ids, keep their initial slots.
    """
    steps.optimizer.iterations.assign(earlier.step)
    for lazy_table in steps.tables:
        lazy_table.begin_after(earlier.step)
    if earlier.path is None:
        return
    copies_by_weight = group_by_weight(earlier.copies)
    lazy_tables = {id(table.layer.table): table for table in steps.tables}
    keras_slots = slots_of_keras(steps)
    try:
        with np.load(str(earlier.path), allow_pickle=False) as arrays:
            for i, weight in enumerate(network.logits.weights):
                copies = copies_by_weight.get(i, [])
                if table := lazy_tables.get(id(weight)):
                    table.set_slots(
                        [
                            copy_into_slot(
                                *(slot, arrays, k, copies, earlier.shapes),
                                columns_per_value=table.width // slot.shape[1],
                            )
                            for k, slot in enumerate(table.slots())
                        ]
                    )
                for k, variable in enumerate(keras_slots.get(id(weight), [])):
                    slot = copy_into_slot(
                        variable.numpy(), arrays, k, copies, earlier.shapes
                    )
                    variable.assign(slot)
    except DAMAGED_FILE_ERRORS as error:
        raise DataError(
            f"start_from.run: {earlier.path} does not fit the weights beside it "
            f"({first_line(error)}); copy the file again, or remove it to start with a "
            "new optimizer"
        ) from None


def copy_into_slot(
    initial: Array,
    arrays: Any,
    position: int,
    copies: list[tuple[Block, Index]],
    shapes: Sequence[tuple[int, ...]],
    columns_per_value: int = 1,
) -> Array:
    """Returns a slot of a weight, with blocks copied from an earlier run's slots.

    Args:
        initial: the slot before the first step.
        arrays: the earlier run's slots by name.
        position: the position of the slot among the slots of the weight.
        copies: see `group_by_weight`.
        shapes: see `EarlierOptimizer`.
        columns_per_value: the length of a vector if the slot of a table has one value
            per vector, otherwise 1.
    """
    slot = initial.copy()
    earlier_slots: dict[int, Array] = {}
    for source, index in copies:
        # The earlier weight has no slots if the earlier run left the weight frozen, or
        # if the optimizer keeps no slots.
        if f"{source.weight}-0" not in arrays:
            continue
        if source.weight not in earlier_slots:
            name = f"{source.weight}-{position}"
            earlier_slots[source.weight] = arrays[name]
            check_numbers(name, earlier_slots[source.weight], may_overflow=True)
        earlier = earlier_slots[source.weight]
        shape, source_index = shapes[source.weight], source.index
        if columns_per_value > 1:
            shape = (shape[0], shape[1] // columns_per_value)
            index, source_index = (
                (rows, slice(x.start // columns_per_value, x.stop // columns_per_value))
                for rows, x in (index, source_index)
            )
        if earlier.shape != shape:
            fault = f"has the shape {earlier.shape}; expected {shape}"
            raise ValueError(f"'{source.weight}-{position}' {fault}")
        slot[index] = earlier[source_index]
    return slot
