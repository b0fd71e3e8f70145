"""The gates that only HoME has: feature gates F and self-gates S, see `home.py`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mtl_cli.core.tensors import Tensor
from mtl_cli.models.base import GatedSharing

if TYPE_CHECKING:
    from mtl_cli.layers import Route


def feature_gated(
    sharing: GatedSharing,
    v: Tensor,
    owners: Sequence[int | str],
    ranks: Sequence[int],
    name: str,
) -> Tensor:
    """Returns v * F(v) for each owner, `(owners, batch, dim)`.

    Args:
        sharing: the sharing scheme, for its L2 penalty and its initializer.
        v: the input, `(batch, dim)`, or `(owners, batch, dim)`.
        owners: the owners of the feature gates.
        ranks: the ranks of the products A_l B_l, see `HoME.feature_gate_ranks`.
        name: the name of the layer of feature gates.
    """
    from mtl_cli.layers import FeatureGate

    gates = FeatureGate(
        num=len(owners),
        units=v.shape[-1],
        ranks=ranks,
        l2=sharing.l2,
        initializer=sharing.initializer,
        owners=owners,
        name=name,
    )
    return gates(v) * v


def self_gated(
    sharing: GatedSharing,
    v: Tensor,
    experts: Tensor,
    routes: Sequence["Route"],
    name: str,
) -> Tensor:
    """Returns S(v) [the owners' own experts], `(owners, batch, units)`.

    Args:
        sharing: the sharing scheme, for its gates and the widths of its gates.
        v: the input of the self-gates, `(batch, dim)`, or `(owners, batch, dim)`.
        experts: the outputs of the experts, `(owners, experts, batch, units)`.
        routes: the owners and the names of their experts.
        name: the name of the layer of self-gates.
    """
    from mtl_cli.layers import GateNU, Mix

    num_owners, num_experts = experts.shape[:2]
    if num_experts > 1:
        gates = sharing.gates(routes, name)
    else:  # a softmax over one expert would always be 1, so take a sigmoid
        gates = GateNU(
            num=num_owners,
            units=1,
            hidden_units=sharing.gate_units,
            num_hidden=num_owners,
            gamma=1.0,
            weighs_experts=True,
            only_scales=False,
            routes=routes,
            name=name,
            **sharing.dense_options,
        )
    return Mix()(gates(v), experts)
