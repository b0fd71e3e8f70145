"""Adaptive information transfer: each task reads a vector of the task before it."""

from collections.abc import Sequence

from mtl_cli.columns.encodings import Encodings
from mtl_cli.core.options import NonEmptyUnits
from mtl_cli.core.tensors import Tensor
from mtl_cli.models.base import Sharing


class AITM(Sharing):
    """The tasks form a chain. Each task attends to itself and to the task before it.

        q_t = f_t(x)
        z_1 = q_1
        p_t = transfer_t(z_t)                       the vector that task t passes on
        a_u = <Q u, K u> / sqrt(k)                  for u = p_{t-1} and u = q_t
        z_t = sum_u softmax(a)_u V u                for t > 1
        y_t = h_t(z_t)

    `Sharing` explains x, h_t and y_t. k is the width of q_t. transfer_t is one dense
    layer of k units, with activation and dropout. Task t attends to two vectors u, and
    a_u is the score of u. <a, b> is the dot product. The matrices V, Q and K are the
    same for all tasks. The paper writes h1, h2 and h3 for V, Q and K, g_t for
    transfer_t, v for x, and w_u for softmax(a)_u.

    The networks f_t are the paper's towers, so the towers h_t have no hidden layers in
    `conf/model/aitm.yaml`. The heads `ordered` are the paper's calibrator, see
    `mtl_cli/heads/ordered.py`.

    Attributes:
        bottom_units: widths of the layers of each task's network f_t.

    Reference: Xi et al., "Modeling the Sequential Dependence among Audience Multi-step
        Conversions with Multi-task Learning in Targeted Display Advertising", KDD 2021.
        Differs from the paper in: all layers have the same `dropout`; V, Q and K start
        as `initializer` draws them.
    """

    bottom_units: NonEmptyUnits

    def share(self, encodings: Encodings, tasks: Sequence[str]) -> Tensor:
        from keras import ops

        from mtl_cli.layers import Attention, Expert, Mix, ParallelDense, Route

        (x,) = encodings.outputs  # one encoding, (batch, dim)
        f = self.networks(len(tasks), self.bottom_units, name="bottoms")
        q = f(x)  # q_t, (tasks, batch, k)
        k = self.bottom_units[-1]
        # Three layers, in this order: V, Q and K (h1, h2 and h3 in the paper).
        project = ParallelDense(
            3,
            k,
            use_bias=False,
            l2=self.l2,
            initializer=self.initializer,
            name="projections",
        )
        z = [q[0]]
        for t in range(1, len(tasks)):
            transfer = self.networks(1, [k], name=f"transfers_{t - 1}")
            p = transfer(z[-1])[0]  # p_{t-1}, (batch, k)
            u = ops.stack([p, q[t]])  # (2, batch, k)
            projections = project(ops.reshape(u, (-1, k)))  # (3, 2 * batch, k)
            projections = ops.reshape(projections, (3, 2, -1, k))
            # V u, Q u and K u for both u, (2, batch, k) each
            values, queries, keys = projections[0], projections[1], projections[2]
            route = Route(t, [Expert(t - 1), Expert(t)])
            attention = Attention([route], name=f"attentions_{t}")
            weights = attention(queries, keys)  # softmax(a), (1, batch, 2)
            z.append(Mix()(weights, values)[0])
        return ops.stack(z)  # z_t, (tasks, batch, k)
