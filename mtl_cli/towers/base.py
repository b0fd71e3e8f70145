"""The base class of towers, and the description of one task's tower."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

from mtl_cli.columns.encodings import Encodings
from mtl_cli.core.options import Options
from mtl_cli.core.tensors import Tensor
from mtl_cli.metrics.metric import Floats


class TowerSpec(NamedTuple):
    """The description of one task's tower.

    Attributes:
        task: the name of the task.
        units: widths of the hidden layers; empty for a tower without hidden layers.
        num_logits: number of logits.
        is_binary: whether the task has labels of 0 and 1, so that the sigmoid of its
            logit is a probability.
    """

    task: str
    units: tuple[int, ...]
    num_logits: int
    is_binary: bool

    @property
    def widths(self) -> tuple[int, ...]:
        """The widths of all layers: the hidden layers, then the logits."""
        return (*self.units, self.num_logits)


class Towers(Options):
    """The networks between the hidden vectors z_t of the tasks and their logits y_t.

    A subclass declares the keys of `model.*` that only its towers have.

    Attributes:
        reads_scenario: whether the towers read the scenario of a row.
    """

    reads_scenario: ClassVar[bool] = False

    def check(self, towers: Sequence[TowerSpec]) -> None:
        """Raises ValueError if the towers of the tasks cannot be connected."""

    def named_features(self) -> dict[str, list[str]]:
        """Returns the features that keys of `model` name: {key: the features}.

        For example, {"prior_features": ["user", "item"]}. If the data set lacks one of
        these features, the user gets an error.
        """
        return {}

    def last_biases(
        self, logits: Sequence[Floats], towers: Sequence[TowerSpec]
    ) -> list[Floats]:
        """Returns the last layers' biases that give these logits if all kernels are 0.

        Args:
            logits: the logits of each task, (num_logits,).
            towers: the tower of each task, in order.

        Returns: the bias of the last layer of each task's tower, (num_logits,).
        """
        return list(logits)

    @abstractmethod
    def connect(
        self,
        hidden: Tensor,
        towers: Sequence[TowerSpec],
        encodings: Encodings,
        **dense_options: Any,
    ) -> list[Tensor]:
        """Connects a tower to each task's hidden vector.

        Args:
            hidden: the hidden vectors z_t of the T tasks, `(T, batch, dim)`; or
                `(batch, dim)` if all towers read the same vector.
            towers: the tower of each task, in order.
            encodings: the encodings of the rows, the vectors of single features and the
                scenarios of the rows, for towers that read more than `hidden`.
            **dense_options: arguments of the hidden layers, see `ParallelMLP`.

        Returns: the logits y_t, one tensor `(batch, num_logits)` in float32 for each
            task, in the order of `towers`.
        """
