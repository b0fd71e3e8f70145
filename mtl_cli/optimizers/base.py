"""The base class of all optimizers, with the keys that they share."""

from abc import abstractmethod
from typing import Any, ClassVar, Literal, NamedTuple

from mtl_cli.core.options import CountOrZero, Options, Positive
from mtl_cli.core.tensors import Tensor


class Slot(NamedTuple):
    """Numbers that an optimizer stores for an embedding table, such as Adam's m.

    Attributes:
        start: the value of each number before the first step.
        per_row: whether there is one number for each row of the table. Otherwise there
            is one for each number of the table.
    """

    start: float
    per_row: bool = False


class Optimizer(Options):
    """The keys of `conf/optimizer/*.yaml`, and two implementations of the optimizer.

    Embedding tables that are updated by rows (`lazy`) use `row_slots` and `row_change`,
    see `training/large_tables.py`. All other weights use the Keras optimizer.

    Attributes:
        name: name of the optimizer's module.
        learning_rate: highest learning rate of the run.
        schedule: the way in which the rate falls from `learning_rate` to 0 over the
            whole run.
        warmup_steps: number of steps over which the rate first rises to
            `learning_rate`.
        clip_norm: highest norm that the gradient of all weights together may have;
            null for no limit.
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

    def build(self, total_steps: int, first_step: int = 0) -> Any:
        """Returns the Keras optimizer for a run.

        Args:
            total_steps: number of steps of the run.
            first_step: number of steps that the optimizer has taken in earlier runs;
                the schedule starts after them.
        """
        rate: Any = self.learning_rate
        if self.schedule != "constant" or self.warmup_steps:
            from mtl_cli.layers.schedule import Schedule

            rate = Schedule(
                rate, self.schedule, self.warmup_steps, total_steps, first_step
            )
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
        """Returns the change of some rows of a table in one step, and their new slots.

        If a batch reads every row, the rows change as in the Keras optimizer's step.
        The exception is `rowwise_adagrad`, because it takes a mean over the columns of
        a row. Rows that a batch does not read stay as they are, and so do their slots.

        Args:
            rows: `(n, width)`, the rows before the step.
            gradient: `(n, width)`; a row that the batch reads several times has the
                sum of its gradients.
            slots: the rows' slots before the step: for each slot of `row_slots` a
                tensor `(n, width)`, or `(n, 1)` if the slot is `per_row`.
            step: number of steps before this one.
            rate: learning rate of this step.

        Returns: `(n, width)`, the numbers to add to the rows; and the slots after the
            step.
        """
