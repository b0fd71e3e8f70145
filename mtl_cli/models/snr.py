"""Sub-network routing: training may cut connections between levels of sub-networks."""

from collections.abc import Sequence
from typing import Literal

from mtl_cli.columns.encodings import Encodings
from mtl_cli.core.options import NotNegative, NumParts, SomeUnits
from mtl_cli.core.tensors import Tensor
from mtl_cli.models.base import Sharing


class SNR(Sharing):
    """Each level l has sub-networks f_j^l, connected to the networks of the next level.

        u_j^1 = f_j^1(x)
        v_i^l = sum_j z_ij^l W_ij^l u_j^l     if `snr_connection` is `trans`
        v_i^l = sum_j z_ij^l u_j^l            if `snr_connection` is `aver`
        u_i^l = f_i^l(v_i^{l-1})              for each level l = 2 ... L
        z_t   = v_t^L                         the last level is connected to the tasks
        y_t   = h_t(z_t)

    x is the encoding of a row, h_t the tower and y_t the logits of task t; see
    `Sharing`. z_ij^l is a weight in [0, 1] of the connection from sub-network j to
    sub-network or task i; at 0, the connection is cut. Each z_ij^l is a hard concrete
    variable: random in training and fixed afterwards, often at exactly 0 or 1. The
    matrices W_ij^l are trained. The paper writes lambda for `snr_l0`. See
    `layers.HardConcrete`.

    Attributes:
        num_levels: number of levels, L.
        num_networks: number of sub-networks in each level.
        network_units: widths of the layers of each sub-network.
        snr_connection: `trans`, with a matrix for each connection, or `aver`, without
            matrices.
        snr_l0: strength of the penalty on the expected number of open connections.
        snr_noise: whether training draws z once per `step` or for each `row`.

    Reference: Ma et al., "SNR: Sub-Network Routing for Flexible Parameter Sharing in
        Multi-Task Learning", AAAI 2019; hard concrete variables: Louizos et al., ICLR
        2018.
    """

    num_levels: NumParts
    num_networks: NumParts
    network_units: SomeUnits
    snr_connection: Literal["trans", "aver"]
    snr_l0: NotNegative
    snr_noise: Literal["step", "row"]

    def share(self, encodings: Encodings, tasks: Sequence[str]) -> Tensor:
        (x,) = encodings.outputs  # one encoding, (batch, dim)
        n = self.num_networks
        for level in range(1, self.num_levels + 1):
            f = self.networks(n, self.network_units, f"level_{level}_networks")
            u = f(x)  # u_j^l, (n, batch, units)
            readers: Sequence[int | str] = [f"network {i + 1}" for i in range(n)]
            if level == self.num_levels:
                readers = range(len(tasks))
            x = self._connect(u, readers, f"level_{level}")  # v_i^l
        return x  # z_t, (tasks, batch, units)

    def _connect(self, u: Tensor, readers: Sequence[int | str], name: str) -> Tensor:
        """Computes v_i from all u_j, for the networks or tasks i that read them.

        Returns: `(readers, batch, units)`.
        """
        from keras import ops

        from mtl_cli.layers import HardConcrete, Mix, ParallelDense, Route, experts_of

        n, _, dim = u.shape
        connections = HardConcrete(
            [Route(reader, experts_of("network", n)) for reader in readers],
            self.snr_l0,
            per_row=self.snr_noise == "row",
            name=f"{name}_connections",
        )
        z = connections(u)  # z_ij, (readers, batch, n)
        if self.snr_connection == "aver":
            return Mix()(z, u)
        # The transforms W_i1 of network 1 for all readers i come first.
        transforms = ParallelDense(
            n * len(readers),
            dim,
            use_bias=False,
            l2=self.l2,
            initializer=self.initializer,
            owners=[*readers] * n,
            name=f"{name}_transforms",
        )
        # W_ij u_j, (n, readers, batch, dim)
        by_network = ops.reshape(transforms(u), (n, len(readers), -1, dim))
        return Mix()(z, ops.transpose(by_network, (1, 0, 2, 3)))
