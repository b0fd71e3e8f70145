"""The connections of SNR, from sub-networks to the networks or tasks that read them."""

from collections.abc import Sequence

from keras import ops

from mtl_cli.core.tensors import Tensor
from mtl_cli.layers.gates import Mix
from mtl_cli.layers.hard_concrete import HardConcrete
from mtl_cli.layers.parallel import ParallelDense
from mtl_cli.layers.routing import Route, experts_of


def connect_networks(
    networks: Tensor,
    readers: Sequence[int | str],
    *,
    has_transforms: bool = True,
    l0: float = 1e-4,
    per_row: bool = False,
    l2: float = 0.0,
    initializer: str = "glorot_uniform",
    name: str = "level",
) -> Tensor:
    """Computes the input of each reader from the outputs of sub-networks, as in SNR.

        v_i = sum_j z_ij W_ij u_j        with transforms
        v_i = sum_j z_ij u_j             without transforms

    u_j is the output of sub-network j and v_i the input of reader i. The layer
    `HardConcrete` computes the weight z_ij in [0, 1]. If z_ij is 0, the connection from
    j to i is cut. The matrices W_ij are trained.

    Args:
        networks: the outputs u_j of the sub-networks, `(n, batch, dim)`.
        readers: the owner of each reader, as in `Route`: the index of a task, from 0,
            or another name.
        has_transforms: whether each connection has a matrix W_ij, `(dim, dim)`.
        l0: strength of the penalty on open connections, see `HardConcrete`.
        per_row: whether noise is drawn for each row, see `HardConcrete`.
        l2: strength of the L2 penalty on the matrices.
        initializer: name of the matrices' Keras initializer.
        name: prefix of the layers' names.

    Returns: the inputs v_i of the readers, `(readers, batch, dim)`.

    Example:
        >>> import keras
        >>> from mtl_cli.layers import ParallelMLP
        >>> u = ParallelMLP(4, [8])(keras.Input((7,)))
        >>> connect_networks(u, readers=[0, 1]).shape
        (2, None, 8)

    Reference: Ma et al., "SNR: Sub-Network Routing for Flexible Parameter Sharing in
        Multi-Task Learning", AAAI 2019.
    """
    n, _, dim = networks.shape
    routes = [Route(reader, experts_of("network", n)) for reader in readers]
    connections = HardConcrete(routes, l0, per_row, name=f"{name}_connections")
    z = connections(networks)  # z_ij, (readers, batch, n)
    if not has_transforms:
        return Mix()(z, networks)
    # The transforms of network 1 for all readers come first. The transforms of
    # network 2 follow.
    transforms = ParallelDense(
        n * len(readers),
        dim,
        use_bias=False,
        l2=l2,
        initializer=initializer,
        owners=[*readers] * n,
        name=f"{name}_transforms",
    )
    # W_ij u_j, (n, readers, batch, dim)
    by_network = ops.reshape(transforms(networks), (n, len(readers), -1, dim))
    by_reader = ops.transpose(by_network, (1, 0, 2, 3))  # (readers, n, batch, dim)
    return Mix()(z, by_reader)  # v_i, (readers, batch, dim)
