"""ESMM's heads: pCTCVR is pCTR x pCVR, and pCVR is an output without a loss."""

from typing import ClassVar

from mtl_cli.heads._chain import Chain
from mtl_cli.heads.base import Labels, Tasks


class ESMM(Chain):
    """Multiplies the predictions of the click tower and of the conversion tower.

    For an impression with the features x, the click y and the conversion z,

        p(y=1, z=1 | x) = p(y=1 | x) * p(z=1 | y=1, x)
           pCTCVR       =    pCTR    *     pCVR
        loss            = l(y, pCTR) + l(y & z, pCTCVR)

    y is the label of the click task, and "y & z" the label of the conversion task. The
    click tower predicts pCTR, in the paper f(x; theta_ctr), and the conversion tower
    pCVR, f(x; theta_cvr). l is the loss of the task, by default the cross-entropy. Both
    losses are on all impressions: the paper's entire space.

    Attributes:
        click_task: the task whose label is a click; null is the first task.
        conversion_task: the task whose label is a click and a conversion; null is the
            second task.

    Reference: Ma et al., SIGIR 2018, equations 1 and 3, see `models/esmm.py`.
        Differs from the paper in: a loss is the weighted mean over the rows of a batch,
        where the paper sums over all N impressions.
    """

    NAME: ClassVar[str] = "esmm"
    EQUATION: ClassVar[str] = "pCTCVR = pCTR x pCVR"

    click_task: str | None = None
    conversion_task: str | None = None

    def steps(self, tasks: Tasks) -> list[str]:
        first, second, *_ = tasks
        return [self.click_task or first, self.conversion_task or second]

    def check(self, tasks: Tasks) -> None:
        if len(tasks) < 2:
            raise ValueError(
                f"model.heads={self.NAME} needs two tasks, a click and a conversion "
                f"after the click, but this run has only {', '.join(tasks)}; choose "
                "both tasks, as in 'tasks=[click,buy]'"
            )
        self.check_steps(tasks, ["click_task", "conversion_task"])

    def label_warnings(self, tasks: Tasks, labels: Labels) -> list[str]:
        warnings = super().label_warnings(tasks, labels)
        binary = [name for name, task in tasks.items() if task.BINARY_LABELS]
        if len(binary) > 2 and None in (self.click_task, self.conversion_task):
            click, conversion = self.steps(tasks)
            warnings.append(
                f"{self.NAME} takes {click} for the click and {conversion} for the "
                f"conversion, of the tasks {', '.join(binary)}; to choose others, set "
                "model.click_task and model.conversion_task"
            )
        return warnings
