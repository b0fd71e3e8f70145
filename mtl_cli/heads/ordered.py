"""Ordered heads: a penalty if a task is predicted above the task before it."""

from itertools import pairwise

from mtl_cli.core.errors import DataError
from mtl_cli.core.options import NotNegative
from mtl_cli.core.tensors import Tensor
from mtl_cli.heads.base import Heads, Labels, Tasks, Tensors


class Ordered(Heads):
    """Heads for tasks that follow each other, such as click, cart and purchase.

    A label can be 1 only if the label of the task before is 1. So the predicted
    probabilities y_hat_t should not rise from task to task. For each batch of B rows,
    training adds the penalty

        order_penalty / B * sum_rows sum_{t > 1} max(y_hat_t - y_hat_{t-1}, 0)
        y_hat_t = sigmoid(y_t + logit_shift_t)

    y_t is the logit of task t. `logit_shift` corrects the logit for the task's
    `sampling_rate` and `positive_weight`. The sum is over all rows, also those without
    a label, and does not weigh them. The paper writes alpha for `order_penalty`.

    Attributes:
        order_penalty: strength of the penalty if a task is predicted above the task
            before it; only for `heads: ordered`.

    Reference: Xi et al., KDD 2021: the behavioral expectation calibrator, see
        `models/aitm.py`.
    """

    order_penalty: NotNegative = 0.6

    def check(self, tasks: Tasks) -> None:
        if len(tasks) < 2 or not all(task.BINARY_LABELS for task in tasks.values()):
            kinds = ", ".join(f"{name} ({task.kind})" for name, task in tasks.items())
            raise ValueError(
                "model.heads=ordered needs two or more tasks, all binary, but this run "
                f"has {kinds}; choose other tasks, or set model.heads=independent"
            )
        for name, task in tasks.items():
            if task.space is not None:
                raise ValueError(
                    f"dataset.tasks.{name}.space: ordered compares the tasks on all "
                    f"rows; set dataset.tasks.{name}.space=null"
                )

    def check_labels(self, tasks: Tasks, labels: Labels) -> None:
        for earlier, later in pairwise(tasks):
            later_rows = labels[later] == 1
            num_broken = (later_rows & (labels[earlier] == 0)).sum()
            if num_broken:
                raise DataError(
                    f"model.heads=ordered needs {earlier} = 1 wherever {later} = 1, "
                    f"but {num_broken:,} of {later_rows.sum():,} training rows with "
                    f"{later} = 1 have {earlier} = 0; name the tasks from the first "
                    "step to the last, as in 'tasks=[click,buy]', or set "
                    "model.heads=independent"
                )

    def row_penalty(
        self, logits: Tensors, tasks: Tasks, labels: Tensors, weights: Tensors
    ) -> Tensor:
        from keras import ops

        y_hat = [  # of each task, (batch,)
            ops.sigmoid(ops.cast(logits[name][:, 0], "float32") + task.logit_shift)
            for name, task in tasks.items()
        ]
        excesses = [ops.relu(later - earlier) for earlier, later in pairwise(y_hat)]
        return self.order_penalty * sum(excesses)
