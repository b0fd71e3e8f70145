"""The state of a training: what checkpoints save, and all processes share."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from mtl_cli.core import signals
from mtl_cli.core.other_files import check_numbers
from mtl_cli.core.run_folder import RunFolder
from mtl_cli.layers.embedding import starting_points
from mtl_cli.network.network import Network
from mtl_cli.training import checkpoint
from mtl_cli.training.checkpoint import Checkpoint
from mtl_cli.training.losses import VALUES_PER_TASK
from mtl_cli.training.moving_average import MovingAverage
from mtl_cli.training.progress import Epoch, History
from mtl_cli.training.steps import Steps

Array = npt.NDArray[Any]
# The key of `TrainingState.step_values` in a checkpoint, also of earlier versions.
STEP_VALUES_KEY = "taken"


@dataclass(frozen=True)
class CheckpointPlan:
    """Where and when checkpoints are written, and the checkpoint to resume from.

    A resumed run compares the `environment` in its checkpoint with its own.
    """

    folder: RunFolder
    minutes: float | None  # see `trainer.checkpoint_minutes`
    environment: dict[str, Any]  # the content of `environment.json`
    resume_from: Checkpoint | None = None  # None for a new run


@dataclass
class TrainingState:
    """Everything that a training needs to continue after any of its steps.

    Attributes:
        checkpoint_plan: None writes no checkpoints.
        step_values: the values of each step of the unfinished epoch, as `Steps.epoch`
            has yielded them: arrays of shape (steps, 3, number of tasks).
        seconds: duration of the unfinished epoch's steps.
        average: the moving average of the weights over the finished epochs; empty
            without `trainer.ema_decay`, and in processes other than the chief.
        best_weights: the weights of the best epoch, or their moving average; None
            before there is a best epoch, and without early stopping.
        saved_at: time of the last checkpoint, by `time.monotonic`.
    """

    network: Network
    steps: Steps
    checkpoint_plan: CheckpointPlan | None = None
    history: History = field(default_factory=History)
    step_values: list[Array] = field(default_factory=list)
    seconds: float = 0.0
    average: MovingAverage = field(default_factory=MovingAverage)
    best_weights: list[Array] | None = None
    saved_at: float = field(default_factory=time.monotonic)

    @property
    def steps_done(self) -> int:
        return sum(map(len, self.step_values))

    @property
    def shape_of_step(self) -> tuple[int, int]:
        return VALUES_PER_TASK, len(self.steps.tasks)

    def weights_to_keep(self) -> list[Array]:
        """Returns a copy of the moving average, or else of the network's weights."""
        averages = [array.copy() for array in self.average.arrays]
        return averages or self.network.logits.get_weights()

    def variables(self) -> dict[str, tf.Variable | keras.Variable]:
        """Returns {key in a checkpoint: variable}: all variables that steps read."""
        lazy_tables = self.steps.tables
        # The steps change `packed`: the rows of a lazy table with their optimizer
        # slots. The network's own table is a copy of these rows and is left out.
        copies = {id(table.layer.table) for table in lazy_tables}
        weights = [
            weight for weight in self.network.logits.weights if id(weight) not in copies
        ]
        variables_by_prefix = {
            "weights": weights,
            "tables": [table.packed for table in lazy_tables],
            "starting_points": starting_points(weights),
            "optimizer": self.steps.optimizer.variables,
            "balancing": self.steps.balancer.state.values(),
        }
        return {
            f"{prefix}-{i}": variable
            for prefix, variables in variables_by_prefix.items()
            for i, variable in enumerate(variables)
        }

    def arrays(self) -> Iterator[tuple[str, Array]]:
        """Yields the key and the values of each array, one at a time to save memory.

        If `is_at_best_epoch` is true, the best weights are not stored twice.
        """
        for name, variable in self.variables().items():
            yield name, variable.numpy()
        if self.step_values:
            yield STEP_VALUES_KEY, np.concatenate(self.step_values)
        for i, weights in enumerate(self.average.arrays):
            yield f"average-{i}", weights
        if self.best_weights is not None and not self.is_at_best_epoch:
            for i, weights in enumerate(self.best_weights):
                yield f"best-{i}", weights

    @property
    def is_at_best_epoch(self) -> bool:
        """Whether `weights_to_keep` returns the weights of the best epoch.

        The last finished epoch must be the best epoch, and its weights must still be
        there: the first step of the next epoch changes the network's weights, but their
        moving average changes only at the end of an epoch.
        """
        epochs = self.history.epochs
        is_unchanged = not self.step_values or bool(self.average.arrays)
        return bool(epochs) and epochs[-1].best and is_unchanged

    def save(self) -> None:
        if self.checkpoint_plan is None:
            return
        start = time.monotonic()
        json_values = {  # see `checkpoint.CheckpointValues`
            "environment": self.checkpoint_plan.environment,
            "epochs": [asdict(epoch) for epoch in self.history.epochs],
            "kept": self.history.best_epoch,
            "seconds": self.seconds,
            "best": self.best_weights is not None,
        }
        folder = self.checkpoint_plan.folder
        num_epochs = len(self.history.epochs)
        checkpoint.save(folder, num_epochs, self.steps_done, self.arrays(), json_values)
        self.saved_at = time.monotonic()
        self.history.checkpoint_seconds += self.saved_at - start

    def save_if_due(self) -> None:
        """Writes a checkpoint if the last one is older than the plan's minutes."""
        minutes = None if self.checkpoint_plan is None else self.checkpoint_plan.minutes
        if minutes is not None and time.monotonic() - self.saved_at > 60 * minutes:
            self.save()

    def stop_if_signalled(self) -> None:
        """Saves the state and stops, if any process has received a signal to end.

        All processes exchange their pending signals, so all stop after the same step.
        """
        replicas = self.steps.replicas
        signal = replicas.all_reduce_max(signals.pending(), signals.SIGNALS)
        if signal == 0:  # no process has received a signal
            return
        # Without steps since the last epoch, the state is saved already.
        if self.step_values:
            self.save()
        replicas.barrier()
        raise signals.Stopped(signal)

    def broadcast(self) -> None:
        """Sends the chief's variables and progress to all other processes.

        They need its progress to continue at the same step, and to stop early after the
        same epoch.
        """
        replicas = self.steps.replicas
        if replicas.size == 1:
            return
        for variable in self.variables().values():
            variable.assign(replicas.broadcast(variable))
        counts = [len(self.history.epochs), self.history.best_epoch, self.steps_done]
        num_epochs, best_epoch, steps_done = replicas.broadcast(
            np.array(counts)
        ).tolist()
        best_value = replicas.broadcast_number(self.history.best_value)
        # Each process divides by `seconds`. If a run was interrupted after the last
        # step of an epoch, no further step adds to `seconds`.
        self.seconds = float(replicas.broadcast(np.float64(self.seconds)))
        if replicas.is_chief:
            return
        # Only these numbers are used in another process. `History` and `steps_done`
        # compute them from epochs and step values; otherwise both are empty.
        self.history.epochs = [
            Epoch(
                number=number,
                losses={},
                valid={},
                monitored=best_value,
                seconds=0.0,
                samples_per_second=0.0,
                best=number == best_epoch,
            )
            for number in range(1, num_epochs + 1)
        ]
        values = np.zeros((steps_done, *self.shape_of_step), "float32")
        self.step_values = [values] if steps_done else []


def restore(state: TrainingState, saved: Checkpoint) -> None:
    """Sets the whole state from a checkpoint, as `TrainingState.arrays` wrote it."""
    values = saved.values
    # `open_arrays` turns errors of this block into a `DataError`.
    with saved.open_arrays() as arrays:
        state.history.epochs = list(values.epochs)
        state.seconds = values.seconds
        for name, variable in state.variables().items():
            array = arrays[name]
            # The slots of an optimizer may overflow without harm. The arrays
            # `tables-...` hold slots too.
            check_numbers(name, array, may_overflow=not name.startswith("weights-"))
            variable.assign(array)
        state.steps.copy_tables_to_network()
        if STEP_VALUES_KEY in arrays:
            array = arrays[STEP_VALUES_KEY]
            is_too_long = len(array) > state.steps.steps_per_epoch
            if is_too_long or array.shape[1:] != state.shape_of_step:
                raise ValueError(f"{STEP_VALUES_KEY} has the shape {array.shape}")
            state.step_values = [array]
        if "average-0" in arrays:
            state.average = MovingAverage(read_weights(state, arrays, "average"))
        # The properties and methods below read the state that is restored above.
        if values.best and state.is_at_best_epoch:
            state.best_weights = state.weights_to_keep()
        elif values.best:
            state.best_weights = read_weights(state, arrays, "best")


def read_weights(
    state: TrainingState, arrays: Mapping[str, Array], name: str
) -> list[Array]:
    """Reads the arrays `NAME-0`, `NAME-1`, ...: one per weight of the network."""
    weights = []
    for i, variable in enumerate(state.network.logits.weights):
        array = arrays[f"{name}-{i}"]
        check_numbers(f"{name}-{i}", array)
        if array.shape != tuple(variable.shape):
            raise ValueError(f"{name}-{i} has the shape {array.shape}")
        weights.append(array)
    return weights
