"""Sets the state of a training from a checkpoint, so that a run can be resumed."""

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt

from mtl_cli.core.other_files import check_numbers
from mtl_cli.training.checkpoint import Checkpoint
from mtl_cli.training.losses import VALUES_PER_TASK
from mtl_cli.training.moving_average import MovingAverage
from mtl_cli.training.state import STEP_VALUES_KEY, TrainingState

Array = npt.NDArray[Any]
Arrays = Mapping[str, Array]  # the arrays of a checkpoint


def restore(state: TrainingState, saved: Checkpoint) -> None:
    """Sets the whole state from a checkpoint."""
    values = saved.values
    # `open_arrays` turns the errors of the functions below into a `DataError`.
    with saved.open_arrays() as arrays:
        state.history.epochs = list(values.epochs)
        state.seconds = values.seconds
        restore_variables(state, arrays)
        if STEP_VALUES_KEY in arrays:
            state.step_values = [read_step_values(state, arrays)]
        if "average-0" in arrays:
            state.average = MovingAverage(read_weights(state, arrays, "average"))
        # The properties and methods below read the state that is restored above.
        if values.best and state.is_at_best_epoch:
            # These weights are not stored twice, see `TrainingState.arrays`.
            state.best_weights = state.weights_to_keep()
        elif values.best:
            state.best_weights = read_weights(state, arrays, "best")


def restore_variables(state: TrainingState, arrays: Arrays) -> None:
    """Sets all variables that steps change."""
    for name, variable in state.variables().items():
        array = arrays[name]
        # Only the arrays `weights-...` must be finite. The other arrays hold slots of
        # the optimizer, and slots may overflow without harm. An array `tables-...`
        # holds the slots of a lazy table beside the table's rows.
        may_overflow = not name.startswith("weights-")
        check_numbers(name, array, may_overflow)
        variable.assign(array)
    state.steps.copy_tables_to_network()


def read_step_values(state: TrainingState, arrays: Arrays) -> Array:
    """Reads the values of the steps in the unfinished epoch, (steps, 3, tasks).

    See `losses.VALUES_PER_TASK` for the three values.
    """
    step_values = arrays[STEP_VALUES_KEY]
    shape = (VALUES_PER_TASK, len(state.steps.tasks))
    is_too_long = len(step_values) > state.steps.steps_per_epoch
    if is_too_long or step_values.shape[1:] != shape:
        raise ValueError(f"{STEP_VALUES_KEY} has the shape {step_values.shape}")
    return step_values


def read_weights(state: TrainingState, arrays: Arrays, name: str) -> list[Array]:
    """Reads the arrays `NAME-0`, `NAME-1`, ...: one per weight of the network."""
    weights = []
    for i, variable in enumerate(state.network.logits.weights):
        array = arrays[f"{name}-{i}"]
        check_numbers(f"{name}-{i}", array)
        if array.shape != tuple(variable.shape):
            raise ValueError(f"{name}-{i} has the shape {array.shape}")
        weights.append(array)
    return weights
