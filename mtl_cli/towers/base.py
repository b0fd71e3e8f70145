"""The base class of towers, and the description of one task's tower."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

from mtl_cli.columns.encodings import Encodings
from mtl_cli.core.options import Options
from mtl_cli.core.tensors import Tensor
from mtl_cli.metrics.metric import Floats


class TowerSpec(NamedTuple):
    """The description of one task's tower; `units` are the widths of hidden layers."""

    task: str
    units: tuple[int, ...]
    num_logits: int
    is_binary: bool

    @property
    def widths(self) -> tuple[int, ...]:
        """The widths of all layers: the hidden layers, then the logits."""
        return (*self.units, self.num_logits)


Specs = Sequence[TowerSpec]  # the tower of each task, in order


class Towers(Options):
    """The networks between the hidden vectors z_t of the tasks and their logits y_t.

    A subclass declares the keys of `model.*` that only its towers have.

    Attributes:
        reads_scenario: whether the towers read the scenario of a row.
    """

    reads_scenario: ClassVar[bool] = False

    def check(self, towers: Specs) -> None:
        """Raises ValueError if the towers of the tasks cannot be connected."""

    def named_features(self) -> dict[str, list[str]]:
        """Returns {key of `model`: features}, for keys whose values name features."""
        return {}

    def last_biases(self, logits: list[Floats], towers: Specs) -> list[Floats]:
        """Returns the last layers' biases that give these logits if all kernels are 0.

        Logits and biases are (num_logits,) for each task.
        """
        return logits

    @abstractmethod
    def connect(
        self, hidden: Tensor, towers: Specs, encodings: Encodings, **dense_options: Any
    ) -> list[Tensor]:
        """Connects a tower to each task's hidden vector; returns the logits y_t.

        `hidden` holds the vectors z_t of the T tasks, `(T, batch, dim)`; or `(batch,
        dim)` if all towers read the same vector. The logits are `(batch, num_logits)`
        in float32. `dense_options` are arguments of `ParallelMLP`.
        """
