"""What every optimizer answers, and the learning rate, which is common to all."""

from abc import abstractmethod
from typing import Any, ClassVar, Literal, NamedTuple

from mtl_cli.core.options import CountOrZero, Options, Positive
from mtl_cli.core.tensors import Tensor


class Slot(NamedTuple):
    """A number that an optimizer remembers beside each number of an embedding table.

    Attributes:
        start: the value before the first step.
        per_row: whether there is one number for each row, not one for each column of
            the row.
    """

    start: float
    per_row: bool = False


class Optimizer(Options):
    """The keys of `conf/optimizer/*.yaml`, and both forms of the optimizer.

    Embedding tables that are updated by rows (`lazy`) use `row_slots` and `row_change`.
    All other weights use the Keras optimizer.

    Attributes:
        name: name of the optimizer's module.
        learning_rate: highest learning rate of the run.
        schedule: how the rate falls from `learning_rate` to 0 over the whole run.
        warmup_steps: number of steps over which the rate first rises to
            `learning_rate`.
        clip_norm: longest allowed gradient, over all weights; null for no limit.
        lazy: whether a step updates only those rows of an embedding table that its
            batch reads; `auto` does so for tables of more than a million numbers.
    """

    is_always_lazy: ClassVar[bool] = False

    name: str
    learning_rate: Positive
    schedule: Literal["constant", "cosine", "linear"]
    warmup_steps: CountOrZero
    clip_norm: Positive | None
    lazy: Literal["auto"] | bool

    def build(self, total_steps: int) -> Any:
        """Returns the Keras optimizer for a run of `total_steps` steps."""
        rate: Any = self.learning_rate
        if self.schedule != "constant" or self.warmup_steps:
            from mtl_cli.layers.schedule import Schedule

            rate = Schedule(rate, self.schedule, self.warmup_steps, total_steps)
        return self.keras_optimizer(learning_rate=rate, global_clipnorm=self.clip_norm)

    @abstractmethod
    def keras_optimizer(self, **common: Any) -> Any:
        """Returns the Keras optimizer, given the arguments that all optimizers take."""

    @abstractmethod
    def row_slots(self) -> list[Slot]:
        """Returns the slots that `row_change` reads and updates."""

    @abstractmethod
    def row_change(
        self,
        rows: Tensor,
        gradient: Tensor,
        slots: list[Tensor],
        step: Tensor,
        rate: Tensor,
    ) -> tuple[Tensor, list[Tensor]]:
        """Returns what one step adds to some rows of a table, and their new slots.

        If a batch reads every row, the result equals the Keras optimizer's step, except
        if a slot has one number per row. Rows that a batch does not read stay as they
        are, and so do their slots.

        Args:
            rows: `(n, width)`, the rows before the step.
            gradient: `(n, width)`; a row that the batch reads several times has the
                sum of its gradients.
            slots: one tensor for each of `row_slots`: `(n, width)`, or `(n, 1)`.
            step: number of steps before this one.
            rate: learning rate of this step.
        """
