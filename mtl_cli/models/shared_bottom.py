"""Shared bottom: all tasks read one bottom network."""

from collections.abc import Sequence

from mtl_cli.columns.encodings import Encodings
from mtl_cli.core.options import Units
from mtl_cli.core.tensors import Tensor
from mtl_cli.models.base import Sharing


class SharedBottom(Sharing):
    """The towers of all tasks read the output of one bottom network f.

        z_t = f(x)                    the same for all tasks t
        y_t = h_t(z_t)

    `Sharing` explains x, h_t and y_t. Ma et al. write y_k = h^k(f(x)).

    Attributes:
        bottom_units: widths of the layers of the bottom network. If empty, f(x) = x:
            the tasks share only the encoding.

    Reference: Caruana, "Multitask Learning", Machine Learning 28, 1997;
        equation 1 of Ma et al., KDD 2018.
    """

    bottom_units: Units

    def share(self, encodings: Encodings, tasks: Sequence[str]) -> Tensor:
        (x,) = encodings.outputs  # one encoding, (batch, dim)
        if not self.bottom_units:
            return x
        f = self.networks(1, self.bottom_units, name="bottom")
        return f(x)[0]  # z_t, (batch, units)
