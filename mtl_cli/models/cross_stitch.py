"""Cross-stitch: a network for each task, and trained matrices that mix the networks."""

from collections.abc import Sequence
from typing import ClassVar

from mtl_cli.columns.encodings import Encodings
from mtl_cli.core.options import FractionBelowOne, NonEmptyUnits, Positive
from mtl_cli.core.tensors import Tensor
from mtl_cli.models.base import Sharing


class CrossStitch(Sharing):
    """Each task has a network. After each layer l, a matrix A^l mixes the networks.

        x_t^0 = x
        x_t^l = sum_s A_ts^l f_s^l(x_s^{l-1})              for each layer l = 1 ... L
        z_t   = x_t^L
        y_t   = h_t(z_t)

    `Sharing` explains x, h_t and y_t. f_s^l is layer l in the network of task s. A_ts^l
    is the weight of this layer's output in the vector of task t. The paper writes alpha
    for A, x for f_s^l(...), and x with a tilde for x_t^l. Each matrix starts as A_0:
    the entries are `stitch_start` on the diagonal and (1 - `stitch_start`) / (T - 1)
    elsewhere.

    The matrices should change faster than the kernels. So the trained variable is not A
    but a, where A = A_0 + c a and c = `stitch_scale`.

    Attributes:
        bottom_units: widths of the layers of each task's network.
        stitch_start: the initial diagonal of the matrices, in [0, 1): the weight of the
            task's own layer.
        stitch_scale: the factor c. Adam changes the matrices about c times as fast as
            with the value 1.

    Reference: Misra et al., "Cross-stitch Networks for Multi-task Learning", CVPR 2016,
        equation 1.
        Differs from the paper in: the networks are not trained alone first; the faster
        learning of A comes from the scale c, not from the optimizer.
    """

    gate_reset_keys: ClassVar[tuple[str, ...]] = ("stitch_start", "stitch_scale")

    bottom_units: NonEmptyUnits
    stitch_start: FractionBelowOne
    stitch_scale: Positive

    def share(self, encodings: Encodings, tasks: Sequence[str]) -> Tensor:
        from mtl_cli.layers import Expert, Mix, Route, StaticWeights

        (x,) = encodings.outputs  # one encoding, (batch, dim)
        num_tasks = len(tasks)
        routes = [
            Route(t, [Expert(s) for s in range(num_tasks)]) for t in range(num_tasks)
        ]
        off_diagonal = (1 - self.stitch_start) / max(num_tasks - 1, 1)
        start = [  # A_0
            [self.stitch_start if s == t else off_diagonal for s in range(num_tasks)]
            for t in range(num_tasks)
        ]
        for level, width in enumerate(self.bottom_units, start=1):
            name = f"level_{level}"
            f = self.networks(num_tasks, [width], name=f"{name}_bottoms")
            x = f(x)  # f_s^l(x_s^{l-1}), (tasks, batch, units)
            if num_tasks > 1:
                stitch = StaticWeights(
                    routes,
                    start=start,
                    scale=self.stitch_scale,
                    name=f"{name}_stitches",
                )
                weights = stitch(x)  # A^l for each row, (tasks, batch, tasks)
                x = Mix()(weights, x)  # x_t^l, (tasks, batch, units)
        return x  # z_t, (tasks, batch, units)
