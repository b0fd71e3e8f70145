"""Adaptive information transfer: each task reads what the task before it has found."""

from collections.abc import Sequence

from mtl_cli.core.options import SomeUnits
from mtl_cli.core.tensors import Tensor
from mtl_cli.models.base import Sharing


class AITM(Sharing):
    """The tasks form a chain, in which each attends to itself and to the one before.

        q_t = f_t(x)
        z_1 = q_1
        p_t = g_t(z_t)                                     what task t passes on
        a_u = <h2(u), h3(u)> / sqrt(k)                     for u in {p_{t-1}, q_t}
        z_t = sum_u softmax(a)_u h1(u)                     for t > 1
        y_t = h_t(z_t)

    g_t is one dense layer of k units, k the width of q_t. h1, h2 and h3 are linear,
    have no bias, and are the same for all tasks. The networks f_t are the paper's
    towers, so the towers h_t have no hidden layers in `conf/model/aitm.yaml`. The
    paper's calibrator is in the heads, see `mtl_cli/heads/ordered.py`.

    Attributes:
        bottom_units: widths of each task's network f_t.

    Reference: Xi et al., "Modeling the Sequential Dependence among Audience Multi-step
        Conversions with Multi-task Learning in Targeted Display Advertising", KDD 2021,
        equations 2 to 7.
        Differs from the paper in: one `dropout` for all layers, and h1, h2, h3 start as
        `initializer` draws them.
    """

    bottom_units: SomeUnits

    def share(self, encodings: list[Tensor], tasks: Sequence[str]) -> Tensor:
        from keras import ops

        from mtl_cli.layers import (
            Attention,
            Expert,
            Mix,
            ParallelDense,
            ParallelMLP,
            Route,
        )

        (x,) = encodings
        f = ParallelMLP(
            len(tasks), self.bottom_units, name="bottoms", **self.dense_options
        )
        q = f(x)  # q_t, (T, B, k)
        k = self.bottom_units[-1]
        h = ParallelDense(3, k, False, self.l2, self.initializer, name="projections")
        z = [q[0]]
        for t in range(1, len(tasks)):
            g = ParallelMLP(1, [k], name=f"transfers_{t - 1}", **self.dense_options)
            u = ops.stack([g(z[-1])[0], q[t]])  # p_{t-1} and q_t, (2, B, k)
            hu = ops.reshape(h(ops.reshape(u, (-1, k))), (3, 2, -1, k))  # h1(u), ...
            route = Route(t, [Expert(t - 1), Expert(t)])
            attention = Attention([route], name=f"attentions_{t}")
            weights = attention(hu[1], hu[2])  # softmax(a), (1, B, 2)
            z.append(Mix()(weights, hu[0])[0])
        return ops.stack(z)  # z_t, (T, B, k)
