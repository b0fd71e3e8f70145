"""One bottom network read by all tasks."""

from mtl_cli.core.options import Units
from mtl_cli.core.tensors import Tensor
from mtl_cli.models.base import Sharing


class SharedBottom(Sharing):
    """Towers read the same bottom network: `y_t = h_t(f(x))`.

    Attributes:
        bottom_units: widths of the bottom network; empty shares embeddings only.

    Reference: Caruana, "Multitask Learning", Machine Learning 28, 1997;
        equation 1 of Ma et al., KDD 2018.
    """

    bottom_units: Units

    def share(self, encodings: list[Tensor], num_tasks: int) -> Tensor:
        from mtl_cli.layers import ParallelMLP

        (x,) = encodings
        if not self.bottom_units:
            return x
        bottom = ParallelMLP(1, self.bottom_units, name="bottom", **self.dense_options)
        return bottom(x)[0]
