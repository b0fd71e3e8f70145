"""What is learnt: tasks as configured, and the outputs that a model gives for them."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, model_validator

from mtl_cli.core.errors import suggest
from mtl_cli.core.options import NotNegative, Options, Positive, Units
from mtl_cli.metrics.metrics import METRICS

LOSSES = {
    "binary": ["bce", "focal"],
    "regression": ["mse", "mae", "huber"],
    "multiclass": ["cross_entropy"],
}


class Task(Options):
    """One thing to predict, as a data set's YAML declares it.

    Attributes:
        label: column that holds it.
        kind: `binary`, `regression` or `multiclass`.
        positive: the value, or values, that count as 1; null if the column holds 0
            and 1.
        classes: the values of a multiclass label, in the order of its outputs.
        loss: what training minimises; null is the kind's usual one.
        focal_gamma: of loss `focal`: how much less a row counts the better it is
            predicted.
        transform: of a regression's label, in training: `standard` (mean 0, deviation
            1), `log1p` (labels above -1), `none`; predictions and metrics are in the
            label's own unit.
        weight: factor of the task's loss.
        positive_weight: factor of the loss of positive rows.
        space: a task or a column of 0 and 1: only rows where it is 1 are trained on
            and scored (purchases after a click); null is all rows.
        truth: column of the true probability, where it is known (simulated data): adds
            the metric `truth_rmse`, over all rows, whatever the space.
        metrics: which are computed; null is all of the kind.
        tower_units: widths of the task's tower; null is the model's.
    """

    label: str
    kind: Literal["binary", "regression", "multiclass"]
    positive: str | int | list[str | int] | None = None
    classes: Annotated[list[str | int], Field(min_length=2)] | None = None
    loss: Literal["bce", "focal", "mse", "mae", "huber", "cross_entropy"] | None = None
    focal_gamma: NotNegative = 2.0
    transform: Literal["none", "standard", "log1p"] = "none"
    weight: Positive = 1.0
    positive_weight: Positive = 1.0
    space: str | None = None
    truth: str | None = None
    metrics: Annotated[list[str], Field(min_length=1)] | None = None
    tower_units: Units | None = None

    @model_validator(mode="after")
    def _kinds(self) -> "Task":
        if self.loss is not None and self.loss not in LOSSES[self.kind]:
            known = ", ".join(LOSSES[self.kind])
            raise ValueError(
                f"loss: {self.loss!r} does not fit kind {self.kind}; take {known}"
            )
        of_kind = {"positive": "binary", "positive_weight": "binary", "truth": "binary"}
        of_kind |= {"classes": "multiclass", "transform": "regression"}
        for key, kind in of_kind.items():
            usual = type(self).model_fields[key].default
            if self.kind != kind and getattr(self, key) != usual:
                shown = "null" if usual is None else usual
                raise ValueError(f"{key}: is for kind {kind}; set it to {shown}")
        if self.focal_gamma != 2 and self.loss != "focal":
            raise ValueError("focal_gamma: is for loss focal; set it to 2.0")
        if self.kind == "multiclass":
            self._check_classes()
        for metric in self.metrics or []:
            names = list(METRICS[self.kind])
            if metric not in names:
                raise ValueError(
                    f"metrics: {metric!r} is not one of: {', '.join(names)}"
                    f"{suggest(metric, names)}"
                )
        return self

    def _check_classes(self) -> None:
        if self.classes is None:
            raise ValueError("classes: kind multiclass needs the label's values")
        texts = [str(value) for value in self.classes]
        for text in texts:
            if texts.count(text) > 1:
                raise ValueError(f"classes: names {text} twice")

    @property
    def metric_names(self) -> list[str]:
        """The metrics that are computed."""
        return self.metrics or list(METRICS[self.kind])

    @property
    def positives(self) -> list[str | int]:
        """The values that count as 1; empty if the column holds 0 and 1."""
        if self.positive is None:
            return []
        return self.positive if isinstance(self.positive, list) else [self.positive]

    @property
    def width(self) -> int:
        """How many logits its tower ends in."""
        return 1 if self.classes is None else len(self.classes)

    @property
    def loss_name(self) -> str:
        """The loss that training minimises."""
        return self.loss or LOSSES[self.kind][0]


@dataclass(frozen=True)
class Output:
    """A named prediction, and the rows and labels that it is scored on.

    Attributes:
        name: the task's, or that of an output which heads add.
        kind: `binary`, `regression` or `multiclass`: which metrics apply.
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
