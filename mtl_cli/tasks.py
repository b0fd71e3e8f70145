"""What is learnt: tasks as configured, and the outputs that a model gives for them."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, model_validator

from mtl_cli.errors import suggest
from mtl_cli.metrics import METRICS
from mtl_cli.schema import Positive, Strict, Units

LOSSES = {
    "binary": ["bce"],
    "regression": ["mse", "mae", "huber"],
}
LINKS = {"binary": "sigmoid", "regression": "identity"}


class Task(Strict):
    """One thing to predict, as a data set's YAML declares it.

    Attributes:
        label: column that holds it.
        kind: `binary`, or `regression`.
        positive: the value, or values, that count as 1; null if the column holds 0
            and 1.
        loss: what training minimises; null is the kind's usual one.
        weight: factor of the task's loss.
        positive_weight: factor of the loss of positive rows.
        space: a task or a column of 0 and 1: only rows where it is 1 are trained on
            and scored (purchases after a click); null is all rows.
        metrics: which are computed; null is all of the kind.
        tower_units: widths of the task's tower; null is the model's.
    """

    label: str
    kind: Literal["binary", "regression"]
    positive: str | int | list[str | int] | None = None
    loss: Literal["bce", "mse", "mae", "huber"] | None = None
    weight: Positive = 1.0
    positive_weight: Positive = 1.0
    space: str | None = None
    metrics: Annotated[list[str], Field(min_length=1)] | None = None
    tower_units: Units | None = None

    @model_validator(mode="after")
    def _kinds(self) -> "Task":
        if self.loss is not None and self.loss not in LOSSES[self.kind]:
            known = ", ".join(LOSSES[self.kind])
            raise ValueError(
                f"loss: {self.loss!r} does not fit kind {self.kind}; take {known}"
            )
        if self.kind == "regression" and self.positive is not None:
            raise ValueError("positive: is for kind binary; remove it")
        if self.kind == "regression" and self.positive_weight != 1:
            raise ValueError("positive_weight: is for kind binary; set it to 1.0")
        for metric in self.metrics or []:
            names = list(METRICS[self.kind])
            if metric not in names:
                raise ValueError(
                    f"metrics: {metric!r} is not one of: {', '.join(names)}"
                    f"{suggest(metric, names)}"
                )
        return self

    @property
    def metric_names(self) -> list[str]:
        """The metrics that are computed."""
        return self.metrics or list(METRICS[self.kind])

    @property
    def loss_name(self) -> str:
        """The loss that training minimises."""
        return self.loss or LOSSES[self.kind][0]


@dataclass(frozen=True)
class Output:
    """A named prediction, and the rows and labels that it is scored on.

    Attributes:
        name: the task's, or that of an output which heads add.
        kind: `binary` or `regression`: which metrics apply.
        label: the task whose label it is compared with.
        given: a task or column that is 1 on the rows that count; None is all rows.
        metrics: names of those that are computed; None is all of the kind.
        added: whether heads add it, so that it has no loss of its own.
    """

    name: str
    kind: str
    label: str
    given: str | None = None
    metrics: list[str] | None = None
    added: bool = False

    @property
    def link(self) -> str:
        """What turns the logit into the prediction."""
        return LINKS[self.kind]

    @property
    def first_metric(self) -> str:
        """The metric that stands for the others."""
        return self.metrics[0] if self.metrics else next(iter(METRICS[self.kind]))

    @property
    def title(self) -> str:
        """The name, and the rows that count if they are not all."""
        return self.name if self.given is None else f"{self.name} ({self.given} = 1)"


def after_click(click: str, conversion: str) -> str:
    """Names ESMM's third output, the probability of a conversion after a click."""
    return f"{conversion}_given_{click}"
