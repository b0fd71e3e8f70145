"""The base class of heads, and the outputs of a model."""

from dataclasses import dataclass
from typing import Any, Protocol

from mtl_cli.core.options import Options, drop_keys_of_others, option_class
from mtl_cli.core.tensors import Tensor
from mtl_cli.tasks.base import Array, Task

AXIS = "heads"
Tasks = dict[str, Task]


@dataclass(frozen=True)
class Output:
    """A prediction of the model, with the labels and rows that it is scored on.

    Attributes:
        name: the task's name, or the name of an output that heads add.
        label: name of the task whose label the prediction is compared with.
        task: the task with the name `label`.
        space: a task or column that is 1 on the rows to score; None scores all rows.
        added_by_heads: whether heads add the output to the tasks' outputs. An added
            output has no loss of its own.
        truth_tasks: names of tasks. The output's true probability is the true
            probability of the first task, divided by the true probability of each
            other task.
        sampled_task: name of the task whose `sampling_rate` tells which of the rows to
            score the data lack; None if the data have them all.
    """

    name: str
    label: str
    task: Task
    space: str | None = None
    added_by_heads: bool = False
    truth_tasks: tuple[str, ...] = ()
    sampled_task: str | None = None

    @property
    def first_metric(self) -> str:
        """Name of the metric that stands for the output in tables and plots."""
        return self.task.metric_names[0]

    @property
    def title(self) -> str:
        """The name, and the space if the output has one: `buy (click = 1)`."""
        return self.name if self.space is None else f"{self.name} ({self.space} = 1)"


def spread_name(output: str) -> str:
    """Returns the name of an output's standard deviation over an ensemble's members."""
    return f"{output}_std"


class Heads(Options):
    """The last step of a model: from the towers' logits to the outputs' logits.

    A subclass declares the keys of `model.*` that only its heads have.
    """

    def check(self, tasks: Tasks) -> None:
        """Raises ValueError if these heads cannot serve these tasks."""

    def outputs(self, tasks: Tasks) -> list[Output]:
        """Returns the outputs of a model: one per task, then those that heads add."""
        return [
            Output(
                name,
                name,
                task,
                task.space,
                truth_tasks=(name,),
                sampled_task=name,
            )
            for name, task in tasks.items()
        ]

    def tower_outputs(self, tasks: Tasks) -> dict[str, Output]:
        """Returns the output of each task's tower, {task: output}."""
        outputs = {output.name: output for output in self.outputs(tasks)}
        return {name: outputs[name] for name in tasks}

    def connect(self, logits: dict[str, Tensor], tasks: Tasks) -> dict[str, Tensor]:
        """Returns the logits of each output, by the output's name.

        Args:
            logits: the logits of each task's tower, `(batch, num_logits)`, by task.
            tasks: the tasks of the run, in order.
        """
        return logits

    def row_penalty(self, logits: dict[str, Tensor], tasks: Tasks) -> Tensor | None:
        """Returns a penalty of each row, `(batch,)`; None for heads without one.

        Training adds the mean over the rows of a batch to the losses of the tasks.

        Args:
            logits: the logits of each output, by the output's name.
            tasks: the tasks of the run, in order.
        """
        return None

    def check_labels(self, tasks: Tasks, rows: "RowsWithLabels") -> None:
        """Raises DataError if these heads cannot serve these labels.

        Args:
            tasks: the tasks of the run, in order.
            rows: the training rows.
        """

    def label_warnings(self, tasks: Tasks, rows: "RowsWithLabels") -> list[str]:
        """Returns warnings about the training labels, one line each.

        Args:
            tasks: the tasks of the run, in order.
            rows: the training rows.
        """
        return []


class RowsWithLabels(Protocol):
    """The part of `data.table.Table` that heads need: heads may not import `data`."""

    @property
    def labels(self) -> dict[str, Array]:
        """The labels of each task, (rows,), NaN where a label is missing."""


def heads_named(name: str, keys: dict[str, Any]) -> Heads:
    """Returns the heads that `model.heads` names.

    Args:
        name: the value of `model.heads`: the name of a file in this folder.
        keys: the keys of `model.*`, with their values, that the sharing scheme does not
            declare.

    Raises:
        ValueError: if a key is unknown or belongs to other heads, or a value is wrong.
    """
    heads = option_class(AXIS, name, Heads)
    own_keys = drop_keys_of_others(keys, heads, AXIS, Heads, "model.heads")
    return heads.model_validate(own_keys)
