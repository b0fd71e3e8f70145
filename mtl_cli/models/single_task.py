"""Single task: one network for each task, the baseline that shares nothing."""

from collections.abc import Sequence

from mtl_cli.core.options import Units
from mtl_cli.core.tensors import Tensor
from mtl_cli.models.base import Sharing


class SingleTask(Sharing):
    """Each task has embeddings, a bottom network f_t and a tower of its own.

        z_t = f_t(x_t)                x_t from the embeddings of task t
        y_t = h_t(z_t)

    The networks of all tasks are trained side by side, in one run.

    Attributes:
        bottom_units: widths of each task's bottom network; if empty, f_t(x_t) = x_t.
    """

    bottom_units: Units

    def num_encodings(self, num_tasks: int) -> int:
        return num_tasks

    def share(self, encodings: list[Tensor], tasks: Sequence[str]) -> Tensor:
        from keras import ops

        from mtl_cli.layers import ParallelMLP

        x = ops.stack(encodings)  # x_t, (T, B, D)
        f = ParallelMLP(
            len(tasks), self.bottom_units, name="bottoms", **self.dense_options
        )
        return f(x)  # z_t, (T, B, H)
