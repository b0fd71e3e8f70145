"""The base class of all optimizers, with the keys that they share."""

from abc import abstractmethod
from typing import Any, ClassVar, Literal, NamedTuple

from mtl_cli.core.options import CountOrZero, Options, Positive
from mtl_cli.core.tensors import Tensor

Slots = list[Tensor]  # a tensor for each slot of `Optimizer.row_slots`


class SlotSpec(NamedTuple):
    """A variable that an optimizer keeps for an embedding table, such as Adam's m.

    Attributes:
        start: the value of every entry before the first step.
        per_row: whether the slot has one value per row, see `Optimizer.row_change`, not
            per entry.
    """

    start: float
    per_row: bool = False


class Optimizer(Options):
    """The base class of optimizers. The fields are the keys of `conf/optimizer/*.yaml`.

    A subclass implements the same update twice:

    - `make_keras_optimizer` makes the optimizer that updates whole weights.
    - `row_change` updates only the rows of an embedding table that a batch reads, see
      `training/lazy_tables.py`. The key `lazy` selects the tables.

    An optimizer that inherits `row_change` but makes another Keras optimizer needs
    `lazy: false`. In all docstrings, x is one entry of a weight, g the gradient of this
    entry, and r the learning rate of the step.

    Attributes:
        is_always_lazy: whether `lazy: auto` selects embedding tables of every size.
        name: name of the optimizer's module.
        learning_rate: highest learning rate of the run.
        schedule: the learning rate after the warm-up. `constant` stays at
            `learning_rate`; `linear` and `cosine` fall to 0 at the end of the run.
        warmup_steps: number of steps at the start of the run in which the rate rises
            linearly to `learning_rate`; 0 for no warm-up.
        clip_norm: highest norm of the gradient of all weights together. A longer
            gradient is scaled down to this norm. null is no limit.
        lazy: whether a step updates only those rows of an embedding table that its
            batch reads. `auto` is true for tables with more than a million entries and,
            with the optimizer `rowwise_adagrad`, for all tables.
    """

    is_always_lazy: ClassVar[bool] = False

    name: str
    learning_rate: Positive
    schedule: Literal["constant", "cosine", "linear"]
    warmup_steps: CountOrZero
    clip_norm: Positive | None
    lazy: Literal["auto"] | bool

    @property
    def is_rate_constant(self) -> bool:
        """Whether the learning rate stays the same after the warm-up."""
        return self.schedule == "constant"

    def build(self, total_steps: int, first_step: int = 0) -> Any:
        """Returns the Keras optimizer for a run of `total_steps`, with its schedule.

        `first_step` is the number of steps that the optimizer has taken in earlier
        runs. The schedule starts after these steps.
        """
        rate: Any = self.learning_rate
        if not self.is_rate_constant or self.warmup_steps:
            from mtl_cli.optimizers._schedule import Schedule

            rate = Schedule(
                rate, self.schedule, self.warmup_steps, total_steps, first_step
            )
        return self.make_keras_optimizer(
            learning_rate=rate, global_clipnorm=self.clip_norm
        )

    @abstractmethod
    def make_keras_optimizer(self, **common: Any) -> Any:
        """Makes a Keras optimizer. `common` are arguments such as `learning_rate`."""

    @abstractmethod
    def row_slots(self) -> list[SlotSpec]:
        """Describes the slots of a table that `row_change` reads and changes."""

    @abstractmethod
    def row_change(
        self, rows: Tensor, gradient: Tensor, slots: Slots, step: Tensor, rate: Tensor
    ) -> tuple[Tensor, Slots]:
        """Computes the change of some rows of a table in one step, and their new slots.

        If a batch reads every row of the table, the rows change as in a step of the
        Keras optimizer. A row that the batch does not read keeps its values and slots.
        In a table with vectors for each task, as of `single_task`, each vector is a row
        here.

        Args:
            rows: the n rows that the batch reads, before the step, `(n, width)`.
            gradient: the gradient of the rows, `(n, width)`, summed over all reads.
            slots: the slots of the rows before the step, `(n, 1)` if the slot is
                `per_row`, otherwise `(n, width)`.
            step: number of steps before this step.
            rate: learning rate of this step.

        Returns: the change to add to the rows, `(n, width)`; and the slots after the
            step, in the shapes of `slots`.
        """
