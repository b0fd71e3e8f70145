"""The state of a training: saves it to checkpoints, and restores it to resume a run."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from mtl_cli.core import signals
from mtl_cli.core.errors import DAMAGED_FILE_ERRORS, first_line
from mtl_cli.core.other_files import check_numbers
from mtl_cli.core.run_folder import RunFolder
from mtl_cli.network.build import Network
from mtl_cli.training import checkpoint
from mtl_cli.training.checkpoint import Checkpoint
from mtl_cli.training.losses import VALUES_PER_TASK
from mtl_cli.training.moving_average import update_average
from mtl_cli.training.progress import Epoch, History
from mtl_cli.training.steps import Steps

Array = npt.NDArray[Any]
# The key of `TrainingState.step_losses` in a checkpoint.
STEP_LOSSES_KEY = "taken"


@dataclass(frozen=True)
class CheckpointPlan:
    """Where and when checkpoints are written, and the checkpoint to resume from.

    Attributes:
        folder: the run folder.
        minutes: minutes between checkpoints within an epoch; None writes checkpoints
            only at the end of an epoch.
        environment: the content of `environment.json`: everything that the results of
            the run depend on.
        resume_from: the checkpoint of an interrupted run; None for a new run.
    """

    folder: RunFolder
    minutes: float | None
    environment: dict[str, Any]
    resume_from: Checkpoint | None = None


@dataclass
class TrainingState:
    """Everything that the next step of a training depends on.

    Attributes:
        network: the network to train.
        steps: the steps that train the network.
        plan: the folder and the times of checkpoints; None writes no checkpoints.
        history: the finished epochs.
        step_losses: the losses of the unfinished epoch's steps: the arrays that
            `Steps.epoch` has yielded, (steps, 3, tasks) each, with the loss, the sum
            of the row weights, and the task's weight. Empty between two epochs.
        seconds: duration of the unfinished epoch's steps.
        average: the moving average of the weights over the finished epochs; None
            before the first epoch ends, and without `trainer.ema_decay`.
        best_weights: the weights of the best epoch, or their moving average; None
            before there is a best epoch, and without early stopping.
        saved_at: time of the last checkpoint, by `time.monotonic`.
    """

    network: Network
    steps: Steps
    plan: CheckpointPlan | None = None
    history: History = field(default_factory=History)
    step_losses: list[Array] = field(default_factory=list)
    seconds: float = 0.0
    average: list[Array] | None = None
    best_weights: list[Array] | None = None
    saved_at: float = field(default_factory=time.monotonic)

    @property
    def steps_done(self) -> int:
        """The number of steps that the unfinished epoch has taken."""
        return sum(map(len, self.step_losses))

    def update_average(self, epoch: int, decay: float) -> None:
        """Adds the weights after an epoch to the moving average.

        Only the chief validates and keeps weights, so only the chief has an average.

        Args:
            epoch: number of the epoch, from 1.
            decay: `trainer.ema_decay`; 0 for no average.
        """
        if not decay or not self.steps.replicas.is_chief:
            return
        if self.average is None:
            self.average = self.network.logits.get_weights()
        else:
            weights = (weight.numpy() for weight in self.network.logits.weights)
            update_average(self.average, weights, epoch, decay)

    def weights_to_keep(self) -> list[Array]:
        """Returns a copy of the moving average, or of the network's weights."""
        if self.average is None:
            return self.network.logits.get_weights()  # type: ignore[no-any-return]
        return [weights.copy() for weights in self.average]

    @contextmanager
    def averaged_network(self) -> Iterator[None]:
        """Gives the network the averaged weights inside the block, if there are any."""
        self._swap_average()
        try:
            yield
        finally:
            self._swap_average()

    def _swap_average(self) -> None:
        """Swaps the network's weights and the average, one array at a time."""
        if self.average is not None:
            for i, variable in enumerate(self.network.logits.weights):
                weights = variable.numpy()
                variable.assign(self.average[i])
                self.average[i] = weights

    def variables(self) -> dict[str, tf.Variable | keras.Variable]:
        """Returns {key in a checkpoint: variable} of the network and the optimizer."""
        logits, lazy_tables = self.network.logits, self.steps.tables
        # The steps change `packed`: the rows of a lazy table with their optimizer
        # slots. The table in the network is a copy of it, so it is left out.
        tables_in_network = {id(table.layer.table) for table in lazy_tables}
        groups = {
            "weights": [v for v in logits.weights if id(v) not in tables_in_network],
            "tables": [table.packed for table in lazy_tables],
            "optimizer": self.steps.optimizer.variables,
            "balancing": self.steps.balancer.variables,
        }
        return {
            f"{name}-{i}": variable
            for name, variables in groups.items()
            for i, variable in enumerate(variables)
        }

    def arrays(self) -> Iterator[tuple[str, Array]]:
        """Yields a checkpoint's arrays and their keys, one at a time to save memory."""
        for name, variable in self.variables().items():
            yield name, variable.numpy()
        if self.step_losses:
            yield STEP_LOSSES_KEY, np.concatenate(self.step_losses)
        if self.average is not None:
            for i, weights in enumerate(self.average):
                yield f"average-{i}", weights
        if self.best_weights is not None and not self.is_at_best_epoch:
            for i, weights in enumerate(self.best_weights):
                yield f"best-{i}", weights

    @property
    def is_at_best_epoch(self) -> bool:
        """Whether the state still holds the weights of the best epoch.

        If so, its weights are those that `weights_to_keep` returns. The moving average
        changes only at the end of an epoch, so it stays the best during the next epoch.
        """
        num_epochs = len(self.history.epochs)
        is_unchanged = not self.step_losses or self.average is not None
        return is_unchanged and self.history.kept_epoch == num_epochs > 0

    def save(self) -> None:
        """Writes a checkpoint, if there is a plan."""
        if self.plan is None:
            return
        start = time.monotonic()
        values = {
            "environment": self.plan.environment,
            "epochs": [asdict(epoch) for epoch in self.history.epochs],
            "kept": self.history.kept_epoch,
            "seconds": self.seconds,
            "best": self.best_weights is not None,
        }
        epochs_and_steps = (len(self.history.epochs), self.steps_done)
        checkpoint.save(self.plan.folder, epochs_and_steps, self.arrays(), values)
        self.saved_at = time.monotonic()
        self.history.checkpoint_seconds += self.saved_at - start

    def save_or_stop(self) -> None:
        """Saves if a checkpoint is due; saves and stops if a signal is pending.

        All processes stop after the same step, because they first exchange their
        pending signals. A signal that comes after the exchange stays pending until the
        next call.

        Raises:
            Stopped: if a process has received Ctrl-C or SIGTERM.
        """
        replicas = self.steps.replicas
        signal = replicas.all_reduce_max(signals.pending(), signals.SIGNALS)
        minutes = None if self.plan is None else self.plan.minutes
        is_due = minutes is not None and time.monotonic() - self.saved_at > 60 * minutes
        # Between epochs, `step_losses` is empty and the state is saved already.
        if self.step_losses and (is_due or signal):
            self.save()
        if signal:
            replicas.barrier()
            signals.set_pending(signal)  # another process may have received it
            signals.stop_if_pending()

    def broadcast(self) -> None:
        """Sends the chief's variables, epoch and step to all other processes."""
        replicas = self.steps.replicas
        if replicas.size == 1:
            return
        for variable in self.variables().values():
            variable.assign(replicas.broadcast(variable))
        counts = [len(self.history.epochs), self.history.kept_epoch, self.steps_done]
        num_epochs, kept_epoch, steps_done = replicas.broadcast(
            np.array(counts)
        ).tolist()
        best_value = replicas.broadcast_number(self.history.best_value)
        # Each process divides by the duration of an epoch, even if the epoch was
        # interrupted after its last step.
        self.seconds = float(replicas.broadcast(np.float64(self.seconds)))
        if not replicas.is_chief:
            # Only the chief reports epochs. The other processes need the number of
            # epochs, the best epoch and its monitored value.
            self.history.epochs = [
                Epoch(number, {}, {}, best_value, 0.0, 0.0, best=number == kept_epoch)
                for number in range(1, num_epochs + 1)
            ]
            self.history.kept_epoch = kept_epoch
            shape = (steps_done, VALUES_PER_TASK, len(self.steps.tasks))
            self.step_losses = [np.zeros(shape, "float32")] if steps_done else []

    def restore(self, saved: Checkpoint) -> None:
        """Sets the whole state from a checkpoint.

        Raises:
            DataError: if the arrays of the checkpoint do not fit the network.
        """
        try:
            self._restore(saved)
        except DAMAGED_FILE_ERRORS as error:
            raise saved.damage(first_line(error)) from error

    def _restore(self, saved: Checkpoint) -> None:
        """Does the work of `restore`, without converting errors."""
        values = saved.values
        with saved.open_arrays() as arrays:
            for name, variable in self.variables().items():
                array = arrays[name]
                # An infinite value is harmless in a slot of the optimizer.
                may_overflow = not name.startswith("weights-")
                check_numbers(name, array, may_overflow)
                variable.assign(array)
            self.steps.copy_tables_to_network()
            if STEP_LOSSES_KEY in arrays:
                losses = arrays[STEP_LOSSES_KEY]
                is_too_long = len(losses) > self.steps.steps_per_epoch
                shape = (VALUES_PER_TASK, len(self.steps.tasks))
                if is_too_long or losses.shape[1:] != shape:
                    raise ValueError(f"{STEP_LOSSES_KEY} has the shape {losses.shape}")
                self.step_losses = [losses]
            self.history.epochs = [Epoch(**epoch) for epoch in values["epochs"]]
            self.history.kept_epoch = values["kept"]
            self.seconds = values["seconds"]
            if "average-0" in arrays:
                self.average = self._read_weights("average", arrays)
            if values["best"]:
                self.best_weights = (
                    self.weights_to_keep()
                    if self.is_at_best_epoch
                    else self._read_weights("best", arrays)
                )

    def _read_weights(self, name: str, arrays: Mapping[str, Array]) -> list[Array]:
        """Reads one array per weight of the network from a checkpoint's arrays.

        Args:
            name: the first word of the arrays' keys.
            arrays: the arrays of the checkpoint.
        """
        read = []
        for i, variable in enumerate(self.network.logits.weights):
            array = arrays[f"{name}-{i}"]
            check_numbers(f"{name}-{i}", array)
            if array.shape != tuple(variable.shape):
                raise ValueError(f"{name}-{i} has the shape {array.shape}")
            read.append(array)
        return read
