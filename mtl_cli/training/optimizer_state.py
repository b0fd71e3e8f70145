"""The state of an optimizer after a run, for runs that start from it."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from mtl_cli.core.errors import DAMAGED_FILE_ERRORS, DataError, first_line
from mtl_cli.core.other_files import check_numbers
from mtl_cli.core.run_folder import RunFolder
from mtl_cli.network.build import Network
from mtl_cli.network.transfer import EarlierOptimizer, by_weight
from mtl_cli.training.checkpoint import write_arrays
from mtl_cli.training.steps import Steps

Array = npt.NDArray[Any]
OPTIMIZER = "model/optimizer.npz"


def save(folder: RunFolder, network: Network, steps: Steps) -> None:
    """Writes the state of the optimizer after the last step.

    The file holds an array `WEIGHT-SLOT` for each slot of each weight, by the positions
    of the weight in the network and of the slot in the optimizer. The slots of an
    embedding table are the same whether the table was updated by rows or as a whole.
    """
    step = int(steps.optimizer.iterations)
    with folder.replacing(OPTIMIZER) as path:
        write_arrays(path, slots(network, steps), {"step": step, "name": steps.name})


def slots(network: Network, steps: Steps) -> Iterator[tuple[str, Array]]:
    """Yields the name and the values of each slot, one at a time to save memory."""
    lazy = {id(table.layer.table): table for table in steps.tables}
    dense = dense_slots(steps)
    for i, weight in enumerate(network.logits.weights):
        if id(weight) in lazy:
            for k, values in enumerate(lazy[id(weight)].slots()):
                yield f"{i}-{k}", values
        for k, variable in enumerate(dense.get(id(weight), [])):
            yield f"{i}-{k}", variable.numpy()


def dense_slots(steps: Steps) -> dict[int, list[Any]]:
    """Returns {id of a weight: the Keras optimizer's variables for it}."""
    weights = steps.model.trainable_variables
    variables = [
        variable
        for variable in steps.optimizer.variables
        if variable.name not in ("iteration", "learning_rate")
    ]
    count = len(variables) // max(len(weights), 1)
    return {
        id(weight): variables[i * count : (i + 1) * count]
        for i, weight in enumerate(weights)
    }


def restore(network: Network, steps: Steps, earlier: EarlierOptimizer) -> None:
    """Sets the slots of all weights that go on, and the number of steps.

    Numbers without an earlier block, such as appended ids, keep their fresh slots.

    Raises:
        DataError: if the file does not hold the slots of the earlier run's weights.
    """
    steps.optimizer.iterations.assign(earlier.step)
    if earlier.path is None:
        return
    try:
        restore_slots(network, steps, earlier)
    except DAMAGED_FILE_ERRORS as error:
        raise DataError(
            f"start_from.run: {earlier.path} does not fit the weights beside it "
            f"({first_line(error)}); copy it anew, or remove it to start with a fresh "
            "optimizer"
        ) from None


def restore_slots(network: Network, steps: Steps, earlier: EarlierOptimizer) -> None:
    """Sets the slots of all weights that go on."""
    groups, dense = by_weight(earlier.copies), dense_slots(steps)
    lazy = {id(table.layer.table): table for table in steps.tables}
    with np.load(str(earlier.path), allow_pickle=False) as arrays:
        for i, weight in enumerate(network.logits.weights):
            pairs = [p for p in groups.get(i, []) if f"{p[0].weight}-0" in arrays]
            table = lazy.get(id(weight))
            if table is not None:
                new = [
                    filled(values, arrays, k, pairs)
                    for k, values in enumerate(table.slots())
                ]
                table.set_slots(new)
            for k, variable in enumerate(dense.get(id(weight), [])):
                variable.assign(filled(variable.numpy(), arrays, k, pairs))


def filled(start: Array, arrays: Any, slot: int, pairs: list[Any]) -> Array:
    """Returns a slot with the blocks that an earlier run's slots give.

    Args:
        start: the slot before the first step.
        arrays: the earlier run's slots by name, as `save` has written them.
        slot: the number of the slot.
        pairs: the blocks to copy: the place of each in the earlier network, and its
            index in this network.
    """
    values = start.copy()
    earlier: dict[int, Array] = {}
    for source, index in pairs:
        if source.weight not in earlier:
            name = f"{source.weight}-{slot}"
            earlier[source.weight] = arrays[name]
            check_numbers(name, earlier[source.weight], may_overflow=True)
        old = earlier[source.weight]
        # A slot with one number per row has no columns to choose.
        depth = 1 if old.shape[-1] == 1 and values.shape[-1] == 1 else len(index)
        values[index[:depth]] = old[source.index[:depth]]
    return values
