"""Sub-network routing: training may cut connections between levels of sub-networks."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from mtl_cli.columns.encodings import Encodings
from mtl_cli.core.options import NonEmptyUnits, NotNegative, NumParts, Positive
from mtl_cli.core.tensors import Tensor
from mtl_cli.models.base import Sharing


class SNR(Sharing):
    """Each level l has sub-networks f_j^l, connected to the networks of the next level.

        u_j^1 = f_j^1(x)
        v_i^l = sum_j c_ij^l W_ij^l u_j^l     if `snr_connection` is `trans`
        v_i^l = sum_j c_ij^l u_j^l            if `snr_connection` is `aver`
        u_i^l = f_i^l(v_i^{l-1})              for each level l = 2 ... L
        z_t   = v_t^L                         the last level is connected to the tasks
        y_t   = h_t(z_t)

    `Sharing` explains x, z_t, h_t and y_t. c_ij^l is the weight, in [0, 1], of the
    connection from sub-network j to its reader i, a sub-network of the next level or a
    task. Each c_ij^l is a hard concrete variable, see `layers.HardConcrete`: random in
    training and fixed afterwards, often at exactly 0, which cuts the connection, or 1.
    The matrices W_ij^l are trained. The paper writes z_ij for c_ij, and lambda for
    `snr_l0`.

    Attributes:
        num_levels: number of levels, L.
        num_networks: number of sub-networks in each level.
        network_units: widths of the layers of each sub-network.
        snr_connection: `trans`, with a matrix for each connection, or `aver`, without
            matrices.
        snr_l0: strength of the penalty on the expected number of open connections.
        snr_scale: the factor of the trained variable in log alpha, see
            `layers.HardConcrete`: Adam changes log alpha about `snr_scale` times as
            fast as with the value 1.
        snr_noise: whether training draws the weights of the connections once per `step`
            or for each `row`.

    Reference: Ma et al., "SNR: Sub-Network Routing for Flexible Parameter Sharing in
        Multi-Task Learning", AAAI 2019; hard concrete variables: Louizos et al., ICLR
        2018.
    """

    gate_reset_keys: ClassVar[tuple[str, ...]] = ("snr_scale",)

    num_levels: NumParts
    num_networks: NumParts
    network_units: NonEmptyUnits
    snr_connection: Literal["trans", "aver"]
    snr_l0: NotNegative
    snr_scale: Positive
    snr_noise: Literal["step", "row"]

    def share(self, encodings: Encodings, tasks: Sequence[str]) -> Tensor:
        (x,) = encodings.outputs  # one encoding, (batch, dim)
        n = self.num_networks
        network_names = [f"network {i + 1}" for i in range(n)]
        v = x  # the input of the next level, (batch, dim) or (n, batch, units)
        for level in range(1, self.num_levels + 1):
            name = f"level_{level}"
            f = self.networks(n, self.network_units, f"{name}_networks")
            u = f(v)  # u_j^l, (n, batch, units)
            is_last_level = level == self.num_levels
            readers = range(len(tasks)) if is_last_level else network_names
            v = self._connect(u, readers, name)  # v_i^l, (readers, batch, units)
        return v  # z_t, (tasks, batch, units)

    def _connect(self, u: Tensor, readers: Sequence[int | str], name: str) -> Tensor:
        """Connects the outputs u_j of a level to their readers i; returns v_i.

        The readers are the names of the sub-networks of the next level, or the indices
        of the tasks.
        """
        from keras import ops

        from mtl_cli.layers import HardConcrete, Mix, ParallelDense, Route, experts_of

        n, _, dim = u.shape
        connections = HardConcrete(
            [Route(reader, experts_of("network", n)) for reader in readers],
            self.snr_l0,
            self.snr_scale,
            per_row=self.snr_noise == "row",
            name=f"{name}_connections",
        )
        c = connections(u)  # c_ij, (readers, batch, n)
        if self.snr_connection == "aver":
            return Mix()(c, u)
        # The matrices W_ij are in the order W_11, W_21, W_31, ..., W_12, ...: first the
        # matrices that transform u_1, one for each reader.
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
        by_reader = ops.transpose(by_network, (1, 0, 2, 3))  # (readers, n, batch, dim)
        return Mix()(c, by_reader)
