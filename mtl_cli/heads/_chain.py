"""The base class of heads for a chain of tasks, such as click, cart and buy."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import ClassVar

import numpy as np

from mtl_cli.core.message_text import unknown_name_message
from mtl_cli.core.prediction_names import conditional_name
from mtl_cli.core.tensors import Tensor
from mtl_cli.heads._missing_labels import uneven_missing_warnings
from mtl_cli.heads.base import Heads, Labels, Output, Tasks
from mtl_cli.tasks.base import Task


class Chain(Heads):
    """Heads that multiply the predictions of the towers along a chain of tasks.

    The tasks of the chain are called steps. The label y_t of step t is 1 if a row has
    reached the step. For a row with the features x,

        p(y_t = 1 | x) = p(y_1 = 1 | x) * prod_{s=2..t} p(y_s = 1 | y_{s-1} = 1, x)

    The tower of step 1 predicts p(y_1 = 1 | x). The tower of a later step t predicts
    the factor p(y_t = 1 | y_{t-1} = 1, x). The output of step t is the product
    p(y_t = 1 | x), and has a loss on all rows. Each factor is one more output, without
    a loss. A factor is scored on the rows that have reached the step before.

    Attributes:
        NAME: the name of the heads, for messages.
        EQUATION: the equation that holds if the labels are a chain, for messages.
    """

    NAME: ClassVar[str]
    EQUATION: ClassVar[str]

    @abstractmethod
    def steps(self, tasks: Tasks) -> list[str]:
        """Returns the names of the steps, from the first to the last."""

    def check_steps(self, tasks: Tasks, keys: Sequence[str]) -> None:
        """Raises ValueError if a step is no binary task, or has unsuitable settings.

        Args:
            tasks: the tasks of the run.
            keys: the key of `model` that names each step, for messages.
        """
        steps = self.steps(tasks)
        for key, name in zip(keys, steps, strict=True):
            if name not in tasks:
                message = unknown_name_message("task", name, "this run", list(tasks))
                raise ValueError(f"model.{key}: {message}")
            if not tasks[name].BINARY_LABELS:
                raise ValueError(
                    f"model.{key}: task {name} is of kind {tasks[name].kind}; "
                    f"{self.NAME} needs a binary task"
                )
            self.check_space_and_weight(name, tasks[name])
        self.check_sampling_rates(steps, tasks)

    def check_space_and_weight(self, name: str, task: Task) -> None:
        """Raises ValueError if a step has a space, or weighs rows by their label."""
        if task.space is not None:
            raise ValueError(
                f"dataset.tasks.{name}.space: {self.NAME} trains on all "
                f"impressions; set dataset.tasks.{name}.space=null"
            )
        if task.odds_factor != 1:
            raise ValueError(
                f"dataset.tasks.{name}.positive_weight: {self.NAME} multiplies the "
                "probabilities of the steps, and cannot correct the products for this "
                f"weight; set dataset.tasks.{name}.positive_weight=1.0"
            )

    def check_sampling_rates(self, steps: list[str], tasks: Tasks) -> None:
        """Raises ValueError if a later step has a sampling rate.

        The first step may have a sampling rate: every product contains the prediction
        of the first step, so correcting this prediction corrects all products.
        """
        first, *later = steps
        for name in later:
            if tasks[name].lacks_negatives:
                raise ValueError(
                    f"dataset.tasks.{name}.sampling_rate: {self.NAME} can only "
                    f"correct for sampled rows with {first} = 0 "
                    f"(dataset.tasks.{first}.sampling_rate); set "
                    f"dataset.tasks.{name}.sampling_rate=1.0"
                )

    def outputs(self, tasks: Tasks) -> list[Output]:
        """Returns one output per task, then one output per factor of a later step.

        If the data hold only a fraction of the rows with label 0 of the first step
        (`sampling_rate`), the metrics of all products correct for this. Factors need no
        correction: no row that has reached the first step is missing.
        """
        first, *later = steps = self.steps(tasks)
        task_outputs = [
            replace(output, sampled_task=first) if output.name in later else output
            for output in super().outputs(tasks)
        ]
        factors = [
            Output(
                conditional_name(name, previous),
                name,
                tasks[name],
                space=previous,
                added_by_heads=True,
                # p(name = 1 | x) / p(previous = 1 | x), the true value of the factor.
                truth_tasks=(name, previous),
            )
            for previous, name in pairwise(steps)
        ]
        return [*task_outputs, *factors]

    def tower_outputs(self, tasks: Tasks) -> dict[str, Output]:
        """Returns the output that each task's tower predicts, {task: output}.

        For a step after the first, this output is the factor, not the product.
        """
        tower_outputs = super().tower_outputs(tasks)
        for output in self.outputs(tasks):
            if output.added_by_heads:
                tower_outputs[output.label] = output
        return tower_outputs

    def connect(self, logits: dict[str, Tensor], tasks: Tasks) -> dict[str, Tensor]:
        """Replaces the logit of each later step by the logit of the step's product.

        The logits of the factors are added under the names of the factors.
        """
        steps = self.steps(tasks)
        products, factors = dict(logits), {}
        for previous, name in pairwise(steps):
            factors[conditional_name(name, previous)] = logits[name]
            products[name] = logit_of_product(products[previous], logits[name])
        return products | factors

    def label_warnings(self, tasks: Tasks, labels: Labels) -> list[str]:
        """Returns warnings about rows that skip a step, and about missing labels.

        A row skips a step if it reaches a later step. Missing labels of a step bias its
        product if they are more or less frequent on the rows that have reached the step
        before than on all other rows.
        """
        steps = self.steps(tasks)
        warnings = []
        for i, name in enumerate(steps[1:], start=1):
            earlier_steps = steps[:i]
            has_reached = labels[name] == 1
            has_skipped = np.any([labels[step] == 0 for step in earlier_steps], axis=0)
            num_skipped = (has_reached & has_skipped).sum()
            if num_skipped:
                warnings.append(
                    f"the labels are no chain, as {self.NAME} needs it: "
                    f"{num_skipped:,} of {has_reached.sum():,} training rows "
                    f"with {name} = 1 have {' = 0 or '.join(earlier_steps)} = 0, so "
                    f"that {self.EQUATION} cannot fit all these labels"
                )
        for previous, name in pairwise(steps):
            warnings += uneven_missing_warnings(previous, name, labels)
        return warnings


def logit_of_product(a: Tensor, b: Tensor) -> Tensor:
    """Computes the logit of the product of two probabilities from their logits.

    With s for the sigmoid,

        logit(s(a) s(b)) = -log(exp(-a) + exp(-b) + exp(-a - b)).

    The product itself is never computed, since it could round to 0.

    Args:
        a: logit of one probability, `(batch, 1)`.
        b: logit of the other probability, `(batch, 1)`.

    Returns: `(batch, 1)`.
    """
    from keras import ops

    terms = ops.concatenate([-a, -b, -a - b], axis=-1)
    return -ops.logsumexp(terms, axis=-1, keepdims=True)
