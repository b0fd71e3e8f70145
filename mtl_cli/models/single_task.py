"""One network for each task, sharing nothing: the fair baseline."""

from mtl_cli.core.options import Units
from mtl_cli.core.tensors import Tensor
from mtl_cli.models.base import Sharing


class SingleTask(Sharing):
    """Every task has its own embeddings, bottom and tower, trained side by side.

    Attributes:
        bottom_units: widths of each task's bottom network; may be empty.
    """

    bottom_units: Units

    def num_encodings(self, num_tasks: int) -> int:
        return num_tasks

    def share(self, encodings: list[Tensor], num_tasks: int) -> Tensor:
        from keras import ops

        from mtl_cli.layers import ParallelMLP

        x = ops.stack(encodings)  # (T, B, D)
        return ParallelMLP(
            num_tasks, self.bottom_units, name="bottoms", **self.dense_options
        )(x)
