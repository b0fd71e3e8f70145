"""ESMM's heads: pCTCVR is pCTR x pCVR, and pCVR is an output without a loss."""

from dataclasses import replace
from typing import Annotated

from pydantic import Field

from mtl_cli.core.errors import unknown_name
from mtl_cli.core.tensors import Tensor
from mtl_cli.heads.base import Heads, Output, RowsWithLabels, Tasks


class ESMM(Heads):
    """Multiplies the predictions of the click tower and of the conversion tower.

    For an impression with the features x, the click y and the conversion z,

        p(y=1, z=1 | x) = p(y=1 | x) * p(z=1 | y=1, x)
           pCTCVR       =    pCTR    *     pCVR
        loss            = l(y, pCTR) + l(y & z, pCTCVR)

    Here, y and z are labels, as in the paper: y is the label of the click task, and
    "y & z" the label of the conversion task. The click tower predicts pCTR, which the
    paper writes f(x; theta_ctr); the conversion tower predicts pCVR, f(x; theta_cvr).
    l is the cross-entropy. There is no loss of pCVR itself. Both losses are on all
    impressions: the paper's entire space.

    Reference: Ma et al., "Entire Space Multi-Task Model: An Effective Approach for
        Estimating Post-Click Conversion Rate", SIGIR 2018, equations 1 and 3.
        Differs from the paper in: a loss is the weighted mean over the rows of a batch,
        where the paper sums over all N impressions.
    """

    click_task: Annotated[
        str | None,
        Field(description="the task whose label is a click; null is the first task"),
    ] = None
    conversion_task: Annotated[
        str | None,
        Field(
            description="the task whose label is a click and a conversion; null is the "
            "second task"
        ),
    ] = None

    def funnel(self, tasks: Tasks) -> tuple[str, str]:
        """Returns the names of the click task and of the conversion task."""
        names = list(tasks)
        return self.click_task or names[0], self.conversion_task or names[1]

    def check(self, tasks: Tasks) -> None:
        if len(tasks) < 2:
            raise ValueError(
                "model.heads: esmm needs two tasks, a click and a click-and-conversion,"
                f" this run has {len(tasks)}: {', '.join(tasks)}"
            )
        click, conversion = self.funnel(tasks)
        for key, name in (("click_task", click), ("conversion_task", conversion)):
            if name not in tasks:
                message = unknown_name("task", name, "this run", list(tasks))
                raise ValueError(f"model.{key}: {message}")
            if not tasks[name].BINARY_LABELS:
                raise ValueError(
                    f"model.{key}: task {name} is a {tasks[name].kind}; "
                    "esmm needs a binary task"
                )
            if tasks[name].space is not None:
                raise ValueError(
                    f"dataset.tasks.{name}.space: esmm trains on all impressions; set "
                    f"dataset.tasks.{name}.space=null"
                )
        if tasks[conversion].lacks_negatives:
            raise ValueError(
                f"dataset.tasks.{conversion}.sampling_rate: esmm can only correct for "
                f"sampled rows without a click (dataset.tasks.{click}.sampling_rate); "
                "set it to 1.0"
            )
        if tasks[click].kept_negatives_column is not None:
            raise ValueError(
                f"dataset.tasks.{click}.sampling_rate: esmm needs one rate for all "
                "rows, not a column of rates; give a number"
            )
        if click == conversion:
            raise ValueError(
                f"model.conversion_task: {conversion} is the click task too; "
                "name another task"
            )

    def outputs(self, tasks: Tasks) -> list[Output]:
        """Returns the outputs of the tasks, then pCVR, scored on clicked rows.

        If the data hold only a fraction of the rows without a click (`sampling_rate` of
        the click task), the metrics of pCTCVR correct for it like the metrics of pCTR.
        """
        click, conversion = self.funnel(tasks)
        pcvr = Output(
            pcvr_name(click, conversion),
            conversion,
            tasks[conversion],
            space=click,
            added_by_heads=True,
            truth_tasks=(conversion, click),
        )
        task_outputs = [
            replace(output, sampled_task=click) if output.name == conversion else output
            for output in super().outputs(tasks)
        ]
        return [*task_outputs, pcvr]

    def tower_outputs(self, tasks: Tasks) -> dict[str, Output]:
        """Returns pCVR for the conversion task: its tower does not predict pCTCVR."""
        *_, pcvr = self.outputs(tasks)
        _, conversion = self.funnel(tasks)
        return super().tower_outputs(tasks) | {conversion: pcvr}

    def connect(self, logits: dict[str, Tensor], tasks: Tasks) -> dict[str, Tensor]:
        """Replaces the conversion task's logit by pCTCVR's logit, and adds pCVR."""
        click, conversion = self.funnel(tasks)
        pctr_logit, pcvr_logit = logits[click], logits[conversion]
        return {
            **logits,
            conversion: logit_of_product(pctr_logit, pcvr_logit),
            pcvr_name(click, conversion): pcvr_logit,
        }

    def label_warnings(self, tasks: Tasks, rows: RowsWithLabels) -> list[str]:
        """Returns warnings of a funnel that is not named, or that the labels break."""
        click, conversion = self.funnel(tasks)
        binary = [name for name, task in tasks.items() if task.BINARY_LABELS]
        lines = []
        if len(binary) > 2 and None in (self.click_task, self.conversion_task):
            lines.append(
                f"esmm takes {click} for the click and {conversion} for the conversion,"
                f" of the tasks {', '.join(binary)}; model.click_task and "
                "model.conversion_task name others"
            )
        labels = rows.labels
        is_converted = labels[conversion] == 1
        without_click = is_converted & (labels[click] == 0)
        if without_click.any():
            lines.append(
                f"the labels break the funnel rule of esmm: {without_click.sum():,} of "
                f"{is_converted.sum():,} training rows with {conversion} = 1 have "
                f"{click} = 0, so that pCTCVR = pCTR x pCVR cannot fit both"
            )
        return lines


def pcvr_name(click: str, conversion: str) -> str:
    """Returns the name of the output pCVR: `CONVERSION_given_CLICK`."""
    return f"{conversion}_given_{click}"


def label_of_output(name: str) -> str:
    """Returns the task whose label an output predicts, from the name of the output.

    The name is either the name of a task or a `pcvr_name`.
    """
    return name.partition("_given_")[0]


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
