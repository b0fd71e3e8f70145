"""What is learnt: tasks as configured, and the outputs that a model gives for them."""

from dataclasses import dataclass
from typing import Literal

from pydantic import model_validator

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
        positive: the value that counts as 1; null if the column holds 0 and 1.
        loss: what training minimises; null is the kind's usual one.
        weight: factor of the task's loss.
        tower_units: widths of the task's tower; null is the model's.
    """

    label: str
    kind: Literal["binary", "regression"]
    positive: str | int | None = None
    loss: Literal["bce", "mse", "mae", "huber"] | None = None
    weight: Positive = 1.0
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
        return self

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
        given: a task whose label must be 1 on the rows that count; None is all rows.
    """

    name: str
    kind: str
    label: str
    given: str | None = None

    @property
    def link(self) -> str:
        """What turns the logit into the prediction."""
        return LINKS[self.kind]
