"""The base class of heads, and the outputs that heads give."""

from dataclasses import dataclass
from typing import Any, Protocol

from mtl_cli.core.options import Options, drop_keys_of_others, option_class
from mtl_cli.core.tensors import Tensor
from mtl_cli.tasks.base import Array, Task

AXIS = "heads"
Tasks = dict[str, Task]


class Labelled(Protocol):
    """Rows with labels."""

    @property
    def labels(self) -> dict[str, Array]:
        """Labels by task, (rows,), NaN where a label is missing."""


@dataclass(frozen=True)
class Output:
    """A named prediction, and the rows and labels that it is scored on.

    Attributes:
        name: the task's name, or the name of an output that heads add.
        label: name of the task whose label the prediction is compared with.
        task: the task of that label.
        space: a task or column that is 1 on the rows that count; None is all rows.
        added_by_heads: whether heads add the output, so that it has no loss of its own.
        truth_tasks: names of the tasks whose true probabilities give the output's: of
            two, the first divided by the second.
    """

    name: str
    label: str
    task: Task
    space: str | None = None
    added_by_heads: bool = False
    truth_tasks: tuple[str, ...] = ()

    @property
    def first_metric(self) -> str:
        """The metric that stands for the output in tables and plots."""
        return self.task.metric_names[0]

    @property
    def title(self) -> str:
        """The name, and the space if the output has one: `buy (click = 1)`."""
        return self.name if self.space is None else f"{self.name} ({self.space} = 1)"


class Heads(Options):
    """The last step of a model: from the towers' logits to outputs.

    A subclass declares the keys of `model.*` that only its heads have.
    """

    def check(self, tasks: Tasks) -> None:
        """Raises ValueError if these heads cannot serve these tasks."""

    def outputs(self, tasks: Tasks) -> list[Output]:
        """Returns the outputs of a model: the tasks in order, then added ones."""
        return [
            Output(name, name, task, task.space, truth_tasks=(name,))
            for name, task in tasks.items()
        ]

    def connect(self, logits: dict[str, Tensor], tasks: Tasks) -> dict[str, Tensor]:
        """Returns the logits of all outputs, by name.

        Args:
            logits: `(batch, num_logits)` of each task's tower, by task.
            tasks: the tasks of the run, in order.
        """
        return logits

    def label_warnings(self, tasks: Tasks, rows: Labelled) -> list[str]:
        """Returns warnings about the training labels, one line each.

        Args:
            tasks: the tasks of the run, in order.
            rows: the training rows.
        """
        return []


def heads_named(name: str, keys: dict[str, Any]) -> Heads:
    """Returns the heads of a file of this folder.

    Args:
        name: the file's name, without `.py`.
        keys: the keys of `model.*` that the sharing scheme does not have.

    Raises:
        ValueError: if a key is of other heads, or its value is wrong.
    """
    option = option_class(AXIS, name, Heads)
    kept = drop_keys_of_others(keys, option, AXIS, Heads, "model.heads")
    return option.model_validate(kept)
