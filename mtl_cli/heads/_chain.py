"""The base class of heads for a chain of tasks, each possible only after the last."""

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import ClassVar

import numpy as np

from mtl_cli.core.errors import unknown_name
from mtl_cli.core.prediction_names import conditional_name
from mtl_cli.core.tensors import Tensor
from mtl_cli.heads.base import Heads, Labels, Output, Tasks


class Chain(Heads):
    """Heads that multiply the predictions of the towers along a chain of tasks.

    The tasks of the chain are its steps. The label y_t of step t is 1 if a row has
    reached the step. For a row with the features x,

        p(y_t = 1 | x) = p(y_1 = 1 | x) * prod_{s=2..t} p(y_s = 1 | y_{s-1} = 1, x)

    The tower of the first step predicts the first factor, and the tower of each later
    step the factor with its label. The output of a step is the product up to the step,
    and its loss is on all rows. Each factor after the first is an output without a
    loss, scored on the rows that have reached the step before.

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
        """Raises ValueError if the steps are not binary tasks on all rows.

        Args:
            tasks: the tasks of the run.
            keys: the key of `model` that names each step.
        """
        steps = self.steps(tasks)
        for key, name in zip(keys, steps, strict=True):
            if name not in tasks:
                message = unknown_name("task", name, "this run", list(tasks))
                raise ValueError(f"model.{key}: {message}")
            if not tasks[name].BINARY_LABELS:
                raise ValueError(
                    f"model.{key}: task {name} is a {tasks[name].kind}; "
                    f"{self.NAME} needs a binary task"
                )
            if tasks[name].space is not None:
                raise ValueError(
                    f"dataset.tasks.{name}.space: {self.NAME} trains on all "
                    f"impressions; set dataset.tasks.{name}.space=null"
                )
            # `logit_shift` corrects for `sampling_rate` and `positive_weight` together.
            shift_of_sampling = math.log(tasks[name].kept_negatives)
            if not math.isclose(tasks[name].logit_shift, shift_of_sampling):
                raise ValueError(
                    f"dataset.tasks.{name}.positive_weight: {self.NAME} multiplies "
                    "probabilities, and a weight of one step would change all later "
                    f"products; set it to 1.0, or set dataset.tasks.{name}.weight"
                )
        first, *later = steps
        for name in later:
            if tasks[name].lacks_negatives:
                raise ValueError(
                    f"dataset.tasks.{name}.sampling_rate: {self.NAME} can only "
                    f"correct for sampled rows with {first} = 0 "
                    f"(dataset.tasks.{first}.sampling_rate); set it to 1.0"
                )
        if tasks[first].kept_negatives_column is not None:
            raise ValueError(
                f"dataset.tasks.{first}.sampling_rate: {self.NAME} needs one rate for "
                "all rows, not a column of rates; give a number"
            )

    def outputs(self, tasks: Tasks) -> list[Output]:
        """Returns the outputs of the tasks, then the factors after the first.

        If the data hold only a fraction of the rows with label 0 of the first step
        (`sampling_rate`), the metrics of all steps correct for it.
        """
        first, *later = steps = self.steps(tasks)
        task_outputs = [
            replace(output, sampled_task=first) if output.name in later else output
            for output in super().outputs(tasks)
        ]
        factors = [
            Output(
                conditional_name(name, before),
                name,
                tasks[name],
                space=before,
                added_by_heads=True,
                truth_tasks=(name, before),
            )
            for before, name in pairwise(steps)
        ]
        return [*task_outputs, *factors]

    def tower_outputs(self, tasks: Tasks) -> dict[str, Output]:
        """Returns the factor that each tower predicts: the tower has no product."""
        outputs = self.outputs(tasks)
        factors = {output.label: output for output in outputs if output.added_by_heads}
        return super().tower_outputs(tasks) | factors

    def connect(self, logits: dict[str, Tensor], tasks: Tasks) -> dict[str, Tensor]:
        """Replaces the logit of each later step by the product's, and adds factors."""
        steps = self.steps(tasks)
        products, factors = dict(logits), {}
        for before, name in pairwise(steps):
            factors[conditional_name(name, before)] = logits[name]
            products[name] = logit_of_product(products[before], logits[name])
        return products | factors

    def label_warnings(self, tasks: Tasks, labels: Labels) -> list[str]:
        """Returns a warning for each step that rows reach without a step before it."""
        steps, lines = self.steps(tasks), []
        for position, name in enumerate(steps[1:], start=1):
            before, has_reached = steps[:position], labels[name] == 1
            is_broken = has_reached & np.any([labels[b] == 0 for b in before], axis=0)
            if is_broken.any():
                lines.append(
                    f"the labels break the funnel rule of {self.NAME}: "
                    f"{is_broken.sum():,} of {has_reached.sum():,} training rows with "
                    f"{name} = 1 have {' = 0 or '.join(before)} = 0, so that "
                    f"{self.EQUATION} cannot fit both"
                )
        return lines


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
