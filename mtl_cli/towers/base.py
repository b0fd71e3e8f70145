"""The base class of towers, and the description of one task's tower."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

from mtl_cli.columns.encodings import Encodings
from mtl_cli.core.options import Options, drop_keys_of_others, option_class
from mtl_cli.core.tensors import Tensor

AXIS = "towers"


class TowerOf(NamedTuple):
    """The description of a task's tower.

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


class Towers(Options):
    """The networks between the hidden vectors z_t of the tasks and their logits y_t.

    A subclass declares the keys of `model.*` that only its towers have.

    Attributes:
        reads_scenario: whether the towers read the scenario of a row.
    """

    reads_scenario: ClassVar[bool] = False

    def check(self, towers: Sequence[TowerOf]) -> None:
        """Raises ValueError if these towers do not suit the tasks.

        Args:
            towers: the tower of each task, in order.
        """

    def named_features(self) -> dict[str, list[str]]:
        """Returns the keys of `model` that name features, {key: the features}."""
        return {}

    @abstractmethod
    def connect(
        self,
        hidden: Tensor,
        towers: Sequence[TowerOf],
        encodings: Encodings,
        **dense_options: Any,
    ) -> list[Tensor]:
        """Connects a tower to each task's hidden vector.

        Args:
            hidden: the hidden vectors z_t of the T tasks, `(T, batch, dim)`; or
                `(batch, dim)` if all towers read the same vector.
            towers: the tower of each task, in order.
            encodings: the encodings of the rows, and the vectors of single features,
                for towers that read more than `hidden`.
            **dense_options: arguments of the hidden layers, see `ParallelMLP`.

        Returns: the logits y_t, one tensor `(batch, num_logits)` in float32 for each
            task, in the order of `towers`.
        """


def towers_named(name: str, keys: dict[str, Any]) -> Towers:
    """Builds the towers that `model.towers` names.

    Args:
        name: the value of `model.towers`: the name of a file in this folder.
        keys: {key: value} for all keys of `model.*` that any kind of towers declares.

    Raises:
        ValueError: if the value of a key of other towers is not its default, or if a
            value is wrong.
    """
    towers = option_class(AXIS, name, Towers)
    own_keys = drop_keys_of_others(keys, towers, AXIS, Towers, "model.towers")
    return towers.model_validate(own_keys)
