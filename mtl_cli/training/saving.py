"""Where a training is: all that its next step depends on, saved and put back."""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from mtl_cli.core import signals
from mtl_cli.core.run_folder import RunFolder
from mtl_cli.network.build import Network
from mtl_cli.training import checkpoint
from mtl_cli.training.checkpoint import Checkpoint
from mtl_cli.training.progress import Epoch, History
from mtl_cli.training.steps import Steps

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Saving:
    """Where and when checkpoints are written.

    Attributes:
        folder: of the run.
        minutes: between checkpoints within an epoch; None for none.
        about: what the run's numbers depend on.
        start: the checkpoint to go on from.
    """

    folder: RunFolder
    minutes: float | None
    about: dict[str, Any]
    start: Checkpoint | None = None


@dataclass
class Session:
    """A training under way.

    Attributes:
        network: that is trained.
        steps: that train it.
        saving: None writes no checkpoints.
        history: whole epochs.
        taken: of the steps of an unfinished epoch, call by call, what `Steps.epoch`
            yields.
        seconds: that those steps took.
        best: weights of the best epoch, if they are to come back.
        saved: when the last checkpoint was written, by `time.monotonic`.
    """

    network: Network
    steps: Steps
    saving: Saving | None = None
    history: History = field(default_factory=History)
    taken: list[Array] = field(default_factory=list)
    seconds: float = 0.0
    best: list[Array] | None = None
    saved: float = field(default_factory=time.monotonic)

    @property
    def done(self) -> int:
        """Steps of the unfinished epoch."""
        return sum(map(len, self.taken))

    def variables(self) -> dict[str, Any]:
        """Returns all variables of network and optimizer by name."""
        logits, tables = self.network.logits, self.steps.tables
        apart = [table.layer.table for table in tables]
        groups = {
            "weights": [v for v in logits.weights if all(v is not t for t in apart)],
            "tables": [table.packed for table in tables],
            "optimizer": self.steps.optimizer.variables,
        }
        return {f"{name}-{i}": v for name, x in groups.items() for i, v in enumerate(x)}

    def arrays(self) -> Iterator[tuple[str, Array]]:
        """Yields all arrays; one at a time, since tables may be large."""
        for name, variable in self.variables().items():
            yield name, variable.numpy()
        if self.taken:
            yield "taken", np.concatenate(self.taken)
        if self.best is not None and not self.at_best:
            for i, weights in enumerate(self.best):
                yield f"best-{i}", weights

    @property
    def at_best(self) -> bool:
        """Whether the weights are those of the best epoch."""
        return not self.taken and self.history.kept == len(self.history.epochs) > 0

    def save(self) -> None:
        """Writes a checkpoint, if any are wanted."""
        if self.saving is None:
            return
        start = time.monotonic()
        state = {
            "environment": self.saving.about,
            "epochs": [asdict(epoch) for epoch in self.history.epochs],
            "kept": self.history.kept,
            "seconds": self.seconds,
            "best": self.best is not None,
        }
        done = (len(self.history.epochs), self.done)
        checkpoint.save(self.saving.folder, done, self.arrays(), state)
        self.saved = time.monotonic()
        self.history.saving += self.saved - start

    def between_calls(self) -> None:
        """Saves where it is time to, or to stop.

        Raises:
            Stopped: if Ctrl-C or SIGTERM came.
        """
        replicas = self.steps.replicas
        signal = replicas.all_reduce_max(signals.pending(), signals.SIGNALS)
        minutes = None if self.saving is None else self.saving.minutes
        due = minutes is not None and time.monotonic() - self.saved > 60 * minutes
        if self.taken and (due or signal):  # at its end it was saved
            self.save()
        if signal:  # one that came since is for the next time: the others go on
            replicas.barrier()
            signals.set_pending(signal)
            signals.stop_if_pending()

    def share(self) -> None:
        """Gives every process that trains the chief's weights, and where it is."""
        replicas = self.steps.replicas
        if replicas.size == 1:
            return
        for variable in self.variables().values():
            variable.assign(replicas.broadcast(variable))
        whole = [len(self.history.epochs), self.history.kept, self.done]
        epochs, kept, done = replicas.broadcast(np.array(whole)).tolist()
        best = replicas.broadcast_number(self.history.best)
        if not replicas.is_chief:
            self.history.epochs = [
                Epoch(number, {}, {}, best, 0.0, 0.0, best=number == kept)
                for number in range(1, epochs + 1)
            ]
            self.history.kept = kept
            self.taken = [np.zeros((done, 2, len(self.steps.tasks)), "float32")]
        if done == 0:
            self.taken = []

    def restore(self, start: Checkpoint) -> None:
        """Puts everything back to where a checkpoint was written."""
        state = start.state
        with start.arrays() as arrays:
            for name, variable in self.variables().items():
                variable.assign(arrays[name])
            self.steps.store()
            if "taken" in arrays:
                self.taken = [arrays["taken"]]
            self.history.epochs = [Epoch(**epoch) for epoch in state["epochs"]]
            self.history.kept, self.seconds = state["kept"], state["seconds"]
            if state["best"]:
                weights = self.network.logits.get_weights()
                if not self.at_best:
                    weights = [arrays[f"best-{i}"] for i in range(len(weights))]
                self.best = weights
