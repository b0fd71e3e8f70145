"""Sub-network routing: levels of sub-networks; training may cut their connections."""

from collections.abc import Sequence
from typing import Literal

from mtl_cli.core.options import Count, NotNegative, SomeUnits
from mtl_cli.core.tensors import Tensor
from mtl_cli.models.base import Sharing


class SNR(Sharing):
    """Sub-networks f_j in levels l; z_ij opens or cuts the way from j to i.

        u_j^1 = f_j^1(x)
        v_i^l = sum_j z_ij^l W_ij^l u_j^l     `snr_connection: trans`, W_ij a matrix
        v_i^l = sum_j z_ij^l u_j^l            `snr_connection: aver`
        u_i^l = f_i^l(v_i^{l-1})              for each level l = 2 ... L
        z_t   = v_t^L                         the readers i of the last level are tasks
        y_t   = h_t(z_t)

    Each z_ij is a hard concrete variable with an alpha of its own: noisy in training,
    fixed afterwards, and often exactly 0 or 1. See `layers.connect_networks` and
    `layers.HardConcrete`.

    Attributes:
        num_levels: number of levels, L.
        num_networks: number of sub-networks in each level.
        network_units: widths of each sub-network.
        snr_connection: `trans`, with a matrix per connection, or `aver`.
        snr_l0: strength of the penalty on the expected number of open connections.
        snr_noise: whether training draws its noise per `step` or per `row`.

    Reference: Ma et al., "SNR: Sub-Network Routing for Flexible Parameter Sharing in
        Multi-Task Learning", AAAI 2019; hard concrete variables: Louizos et al., ICLR
        2018.
    """

    num_levels: Count
    num_networks: Count
    network_units: SomeUnits
    snr_connection: Literal["trans", "aver"]
    snr_l0: NotNegative
    snr_noise: Literal["step", "row"]

    def share(self, encodings: list[Tensor], tasks: Sequence[str]) -> Tensor:
        from mtl_cli.layers import ParallelMLP, connect_networks

        (x,) = encodings
        n = self.num_networks
        for level in range(1, self.num_levels + 1):
            name = f"level_{level}"
            f = ParallelMLP(
                n, self.network_units, name=f"{name}_networks", **self.dense_options
            )
            is_last = level == self.num_levels
            networks = [f"network {i + 1}" for i in range(n)]
            x = connect_networks(  # v_i^l, (readers, B, H)
                f(x),  # u_j^l, (n, B, H)
                range(len(tasks)) if is_last else networks,
                has_transforms=self.snr_connection == "trans",
                l0=self.snr_l0,
                per_row=self.snr_noise == "row",
                l2=self.l2,
                initializer=self.initializer,
                name=name,
            )
        return x  # z_t
