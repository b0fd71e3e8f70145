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
from mtl_cli.heads.base import Heads, Labels, Output, Tasks, Tensors
from mtl_cli.tasks.base import Task

# `label_warnings` takes two shares of missing labels for equal if their difference, its
# number of standard errors or their odds ratio is smaller. Clicks that are a third more
# frequent on the last days, whose labels are missing, have an odds ratio below 1.5.
MIN_MISSING_DIFFERENCE = 0.01
MIN_MISSING_Z = 5.0
MIN_MISSING_ODDS_RATIO = 1.5


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

        `keys` are the keys of `model` that name the steps, for messages.
        """
        steps = self.steps(tasks)
        if len(set(steps)) < len(steps):
            raise ValueError(
                f"{', '.join(f'model.{key}' for key in dict.fromkeys(keys))}: the "
                f"steps {', '.join(steps)} name a task twice; name each task once"
            )
        for key, name in zip(keys, steps, strict=True):
            if name not in tasks:
                message = unknown_name_message("task", name, "this run", list(tasks))
                raise ValueError(f"model.{key}: {message}")
            if not tasks[name].BINARY_LABELS:
                raise ValueError(
                    f"model.{key}: task {name} is of kind {tasks[name].kind}; "
                    f"{self.NAME} needs a binary task"
                )
        for name in steps:
            self._check_settings(name, tasks[name], steps[0])

    def _check_settings(self, name: str, task: Task, first: str) -> None:
        """Raises ValueError if the settings of a step do not suit a chain."""
        key = f"dataset.tasks.{name}"
        if task.space is not None:
            raise ValueError(
                f"{key}.space: {self.NAME} trains on all impressions; set "
                f"{key}.space=null"
            )
        if task.odds_factor != 1:
            raise ValueError(
                f"{key}.positive_weight: {self.NAME} multiplies the probabilities of "
                "the steps, and cannot correct the products for this weight; set "
                f"{key}.positive_weight=1.0"
            )
        # Every product contains the prediction of the first step. So correcting this
        # prediction for its sampling rate corrects all products.
        if name != first and task.lacks_negatives:
            raise ValueError(
                f"{key}.sampling_rate: {self.NAME} can only correct for sampled rows "
                f"with {first} = 0 (dataset.tasks.{first}.sampling_rate); set "
                f"{key}.sampling_rate=1.0"
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
        """Returns {task: the output that its tower predicts}: factors, not products."""
        factors = [output for output in self.outputs(tasks) if output.added_by_heads]
        return super().tower_outputs(tasks) | {o.label: o for o in factors}

    def connect(self, logits: Tensors, tasks: Tasks) -> Tensors:
        """Replaces the logit of each later step by the logit of the step's product.

        The logits of the factors are added under the names of the factors.
        """
        products, factors = dict(logits), {}
        for previous, name in pairwise(self.steps(tasks)):
            factors[conditional_name(name, previous)] = logits[name]
            products[name] = logit_of_product(products[previous], logits[name])
        return products | factors

    def label_warnings(self, tasks: Tasks, labels: Labels) -> list[str]:
        """Returns warnings about rows that skip a step, and about missing labels.

        If labels of a step are missing more often after the step before than elsewhere,
        or less often, the product of the step is biased, and its metrics too.
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
            is_missing = np.isnan(labels[name])
            after = is_missing[labels[previous] == 1]
            elsewhere = is_missing[labels[previous] == 0]
            if not len(after) or not len(elsewhere):
                continue
            low, high = sorted([after.mean(), elsewhere.mean()])
            error = is_missing.std() * (1 / len(after) + 1 / len(elsewhere)) ** 0.5
            is_clear = high - low > max(MIN_MISSING_DIFFERENCE, MIN_MISSING_Z * error)
            odds_are_equal = high * (1 - low) < MIN_MISSING_ODDS_RATIO * low * (
                1 - high
            )
            if is_clear and not odds_are_equal:
                bias, fix = "high", f"write {name} = 0 where {previous} = 0"
                if after.mean() == high:
                    bias = "low"
                    fix = f"if labels come late, empty {name} on all rows of these days"
                warnings.append(
                    f"labels of {name} are missing on {after.sum():,} of "
                    f"{len(after):,} training rows with {previous} = 1, but on "
                    f"{elsewhere.sum():,} of {len(elsewhere):,} with {previous} = 0, "
                    f"so {name} is predicted too {bias}; {fix}"
                )
        return warnings


def logit_of_product(a: Tensor, b: Tensor) -> Tensor:
    """Computes the logit of the product of two probabilities from their logits.

    With s for the sigmoid,

        logit(s(a) s(b)) = -log(exp(-a) + exp(-b) + exp(-a - b)).

    The product itself is never computed, since it could round to 0.
    """
    from keras import ops

    terms = ops.concatenate([-a, -b, -a - b], axis=-1)
    return -ops.logsumexp(terms, axis=-1, keepdims=True)
