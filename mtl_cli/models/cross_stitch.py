"""Cross-stitch: a network per task; a learnt matrix mixes the networks' layers."""

from collections.abc import Sequence

from mtl_cli.core.options import Positive, Share, SomeUnits
from mtl_cli.core.tensors import Tensor
from mtl_cli.models.base import Sharing


class CrossStitch(Sharing):
    """Each task t has a network; after each layer l, a matrix A^l mixes all networks.

        x_t^0 = x
        x_t^l = sum_s A_ts^l f_s^l(x_s^{l-1})     f_s^l is layer l of the network of s
        z_t   = x_t^L
        y_t   = h_t(z_t)

    A^l holds one number for each pair of tasks. At the start A_0, the number is
    `stitch_start` for a task and itself, and (1 - `stitch_start`) / (T - 1) for two
    tasks. So that A learns faster than the kernels, the trained variable is a, with A =
    A_0 + c a and c = `stitch_scale`: a step of Adam moves A by c times the learning
    rate.

    Attributes:
        bottom_units: widths of the layers of each task's network.
        stitch_start: the share of its own layer that a task reads at the start, in [0,
            1).
        stitch_scale: the factor by which the matrices learn faster, c.

    Reference: Misra et al., "Cross-stitch Networks for Multi-task Learning", CVPR 2016,
        equation 1.
        Differs from the paper in: the networks are not trained alone first; the faster
        learning of A comes from the scale c, not from the optimizer.
    """

    bottom_units: SomeUnits
    stitch_start: Share
    stitch_scale: Positive

    def share(self, encodings: list[Tensor], tasks: Sequence[str]) -> Tensor:
        from mtl_cli.layers import Expert, Mix, ParallelMLP, Route, StaticWeights

        (x,) = encodings
        num_tasks = len(tasks)
        routes = [
            Route(t, [Expert(s) for s in range(num_tasks)]) for t in range(num_tasks)
        ]
        other = (1 - self.stitch_start) / max(num_tasks - 1, 1)
        start = [
            [self.stitch_start if s == t else other for s in range(num_tasks)]
            for t in range(num_tasks)
        ]  # A_0
        for level, width in enumerate(self.bottom_units, start=1):
            name = f"level_{level}"
            f = ParallelMLP(
                num_tasks, [width], name=f"{name}_bottoms", **self.dense_options
            )
            x = f(x)  # f_s^l(x_s^{l-1}), (T, B, units)
            if num_tasks > 1:
                stitch = StaticWeights(
                    routes, start, self.stitch_scale, name=f"{name}_stitches"
                )
                x = Mix()(stitch(x), x)  # x_t^l
        return x  # z_t
