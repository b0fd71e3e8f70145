"""The base class of heads, and the outputs of a model."""

from dataclasses import dataclass

from mtl_cli.core.options import Options
from mtl_cli.core.tensors import Tensor
from mtl_cli.tasks.base import Array, Task

Tasks = dict[str, Task]
Tensors = dict[str, Tensor]
Labels = dict[str, Array]  # {task: its labels, (rows,)}; a missing label is NaN


@dataclass(frozen=True)
class Output:
    """An output of the model, with the label and the rows on which it is scored.

    Attributes:
        name: the name of a task, or the name of an output that the heads add.
        label: name of the task whose label the prediction is compared with.
        task: the task with the name `label`.
        space: a task or column that is 1 on the rows to score; None scores all rows.
        added_by_heads: whether the heads add the output to the outputs of the tasks. An
            added output has no loss of its own.
        truth_tasks: the tasks whose columns of true probabilities (the key `truth`)
            give the output's true probability: (buy, click) gives p(buy) / p(click).
        sampled_task: name of the task whose `sampling_rate` the metrics of the output
            correct for; None if no correction is needed.
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
        """Name of the metric that tables and plots show for the output."""
        return self.task.metric_names[0]

    @property
    def title(self) -> str:
        """The name and, if the output has a space, the space: `buy (click = 1)`."""
        return self.name if self.space is None else f"{self.name} ({self.space} = 1)"


OutputMetric = tuple[Output, str]  # an output, and the name of one of its metrics


class Heads(Options):
    """The last step of a model: from the towers' logits to the outputs' logits.

    A subclass declares the keys of `model.*` that only its heads have. In all methods,
    `tasks` are the tasks of the run, in order.
    """

    def check(self, tasks: Tasks) -> None:
        """Raises ValueError if these heads do not suit the tasks."""

    def outputs(self, tasks: Tasks) -> list[Output]:
        """Returns one output per task, then the outputs that the heads add."""
        return [
            Output(name, name, task, task.space, truth_tasks=(name,), sampled_task=name)
            for name, task in tasks.items()
        ]

    def tower_outputs(self, tasks: Tasks) -> dict[str, Output]:
        """Returns the output that each task's tower predicts, {task: output}.

        Heads that multiply the predictions of towers override this method.
        """
        outputs = {output.name: output for output in self.outputs(tasks)}
        return {name: outputs[name] for name in tasks}

    def connect(self, logits: Tensors, tasks: Tasks) -> Tensors:
        """Computes {output: its logits} from {task: the logits of its tower}.

        All logits are `(batch, num_logits)`.
        """
        return logits

    def row_penalty(
        self, logits: Tensors, tasks: Tasks, labels: Tensors, weights: Tensors
    ) -> Tensor | None:
        """Computes a penalty for each row. Most heads have none.

        Training adds the mean over the rows of a batch to the losses of the tasks.

        Args:
            logits: {output: its logits}.
            tasks: the tasks of the run.
            labels: {task: its labels, `(batch,)`}, 0 for rows of weight 0.
            weights: {task: the weights of the rows in its loss, `(batch,)`}, scaled so
                that their mean over the whole batch is 1. Rows without a label have
                weight 0.

        Returns: `(batch,)`, or None if the heads have no penalty.
        """
        return None

    def check_labels(self, tasks: Tasks, labels: Labels) -> None:
        """Raises DataError if these heads do not suit the training rows' labels."""

    def label_warnings(self, tasks: Tasks, labels: Labels) -> list[str]:
        """Returns warnings about the training rows' labels, one line each."""
        return []
