"""Funnel heads: products of the probabilities of steps, such as click, cart and buy."""

from typing import ClassVar

from mtl_cli.heads._chain import Chain
from mtl_cli.heads.base import Tasks


class Funnel(Chain):
    """Multiplies the predictions of the towers of two or more steps.

    For the steps click, cart and buy, and a row with the features x,

        p(click | x) = s(y_click)
        p(cart | x)  = p(click | x) * s(y_cart)    s(y_cart) = p(cart | click, x)
        p(buy | x)   = p(cart | x) * s(y_buy)      s(y_buy)  = p(buy | cart, x)

    y_t is the logit that the tower of task t computes, and s the sigmoid. Each product
    p(... | x) has a loss on all rows; the factors s(...) have none. With two steps,
    these heads are ESMM's.

    Attributes:
        funnel_steps: the tasks that are the steps, from the first to the last; null
            takes all binary tasks in the order of the run. Only for `heads: funnel`.

    Reference: Ma et al., SIGIR 2018, equation 1, see `models/esmm.py`.
        Differs from the paper in: the number of steps is free.
    """

    NAME: ClassVar[str] = "funnel"
    EQUATION: ClassVar[str] = "p(step) = p(step before) x p(step | step before)"

    funnel_steps: list[str] | None = None

    def steps(self, tasks: Tasks) -> list[str]:
        if self.funnel_steps is not None:
            return self.funnel_steps
        return [name for name, task in tasks.items() if task.BINARY_LABELS]

    def check(self, tasks: Tasks) -> None:
        steps = self.steps(tasks)
        if len(steps) < 2:
            raise ValueError(
                "model.heads=funnel needs two steps or more, but the steps are "
                f"[{', '.join(steps)}]; name binary tasks in model.funnel_steps"
            )
        self.check_steps(tasks, ["funnel_steps"] * len(steps))
