"""Single task: one network for each task, the baseline that shares nothing."""

from collections.abc import Sequence

from mtl_cli.columns.encodings import Encodings
from mtl_cli.core.options import Units
from mtl_cli.core.tensors import Tensor
from mtl_cli.models.base import Sharing


class SingleTask(Sharing):
    """Each task t has its own encoding x_t, bottom network f_t and tower h_t.

        z_t = f_t(x_t)
        y_t = h_t(z_t)

    `Sharing` explains y_t. The encodings share no embeddings and no layers. The
    networks of all tasks are trained in one run.

    Attributes:
        bottom_units: widths of the layers of each task's bottom network; if empty,
            f_t(x_t) = x_t.
    """

    bottom_units: Units

    def num_encodings(self, num_tasks: int) -> int:
        return num_tasks

    def share(self, encodings: Encodings, tasks: Sequence[str]) -> Tensor:
        from keras import ops

        x = ops.stack(encodings.outputs)  # x_t, (tasks, batch, dim)
        f = self.networks(len(tasks), self.bottom_units, name="bottoms")
        return f(x)  # z_t, (tasks, batch, units)
