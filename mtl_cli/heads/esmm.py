"""ESMM's heads: pCTCVR = pCTR x pCVR, and pCVR as an output of its own."""

from typing import Annotated

from pydantic import Field

from mtl_cli.core.errors import suggest
from mtl_cli.core.tensors import Tensor
from mtl_cli.heads.base import Heads, Labelled, Output, Tasks


class ESMM(Heads):
    """Chains the towers of a click and of a click-and-conversion on the entire space.

    Reference: Ma et al., SIGIR 2018, equation 1.
    """

    click_task: Annotated[
        str | None, Field(description="the task that is a click; null is the first")
    ] = None
    conversion_task: Annotated[
        str | None,
        Field(
            description="the task that is a click and a conversion; null: the second"
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
                raise ValueError(
                    f"model.{key}: no task {name!r} in this run, which has "
                    f"{', '.join(tasks)}{suggest(name, list(tasks))}"
                )
            if not tasks[name].BINARY_LABELS:
                raise ValueError(
                    f"model.{key}: task {name} is a {tasks[name].kind}; "
                    "esmm needs a binary task"
                )
            if tasks[name].space is not None:
                raise ValueError(
                    f"dataset.tasks.{name}.space: esmm trains on all impressions; "
                    "set it to null"
                )
        if click == conversion:
            raise ValueError(
                f"model.conversion_task: {conversion} is the click task too; "
                "name another task"
            )

    def outputs(self, tasks: Tasks) -> list[Output]:
        """Returns the tasks, and pCVR, scored on clicked rows."""
        click, conversion = self.funnel(tasks)
        pcvr = Output(
            pcvr_name(click, conversion),
            conversion,
            tasks[conversion],
            space=click,
            added_by_heads=True,
            truth_tasks=(conversion, click),
        )
        return [*super().outputs(tasks), pcvr]

    def connect(self, logits: dict[str, Tensor], tasks: Tasks) -> dict[str, Tensor]:
        """Replaces the conversion's logit by the logit of pCTCVR, and adds pCVR's."""
        click, conversion = self.funnel(tasks)
        pctr, pcvr = logits[click], logits[conversion]
        return {
            **logits,
            conversion: logit_of_product(pctr, pcvr),
            pcvr_name(click, conversion): pcvr,
        }

    def label_warnings(self, tasks: Tasks, rows: Labelled) -> list[str]:
        """Returns a warning if rows have a conversion without a click."""
        click, conversion = self.funnel(tasks)
        labels = rows.labels
        converted = labels[conversion] == 1
        broken = converted & (labels[click] == 0)
        if not broken.any():
            return []
        return [
            f"the labels break the funnel rule of esmm: {broken.sum():,} of "
            f"{converted.sum():,} training rows with {conversion} = 1 have "
            f"{click} = 0, so that pCTCVR = pCTR x pCVR cannot fit both"
        ]


def pcvr_name(click: str, conversion: str) -> str:
    """Returns the name of the output pCVR: a conversion's probability after a click."""
    return f"{conversion}_given_{click}"


def label_of_output(name: str) -> str:
    """Returns the name of the task whose label an output is compared with."""
    return name.partition("_given_")[0]


def logit_of_product(a: Tensor, b: Tensor) -> Tensor:
    """Returns the logit of the product of two probabilities.

    A loss on this logit stays exact where the product is near 0:

        logit(s(a) s(b)) = -log(exp(-a) + exp(-b) + exp(-a - b)),  s the sigmoid.

    Args:
        a: logit of one probability, `(batch, 1)`.
        b: logit of the other probability, `(batch, 1)`.
    """
    from keras import ops

    terms = ops.concatenate([-a, -b, -a - b], axis=-1)
    return -ops.logsumexp(terms, axis=-1, keepdims=True)
