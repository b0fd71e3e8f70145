"""The domain gate of encoders (EPNet): it scales what an encoder reads, by row.

If `encoder.domain_features` names features, the encoder reads delta * x in place of x,
the embeddings and dense features of a row side by side:

    u     = [d; sg(x)]
    u'    = relu(u W + b)
    delta = 2 sigmoid(u' W' + b')

d holds the columns of the domain features in x, and delta one factor for each column of
x. sg stops gradients, and * is the element-wise product. A `GateNU` computes delta from
u, with the same letters. `model.activation` may name another function than relu.

The paper writes E for x, E(F_d) for d, delta_domain for delta, and O_ep for delta * x.

Reference: Chang et al., "PEPNet", KDD 2023, equations 5 and 6.
"""

from collections.abc import Sequence
from typing import Any

from mtl_cli.columns.encodings import columns_of_features
from mtl_cli.core.tensors import Tensor


def connect(
    xs: Sequence[Tensor],
    feature_of_column: Sequence[str],
    domain_features: Sequence[str],
    hidden_units: Sequence[int],
    dense_options: dict[str, Any],
) -> list[Tensor]:
    """Connects a domain gate to the x of each set of embeddings; returns delta * x.

    `hidden_units` are the widths of the gate's hidden layers, and `dense_options` the
    arguments of `ParallelMLP` for them.
    """
    from keras import ops

    from mtl_cli.layers import Route
    from mtl_cli.layers.gate_nu import GateNU, feature_units

    ds = columns_of_features(xs, feature_of_column, domain_features)  # d of each set
    scaled_xs = []
    for i, (d, x) in enumerate(zip(ds, xs, strict=True), 1):
        gate = GateNU(
            num=1,
            units=len(feature_of_column),
            hidden_units=hidden_units,
            routes=[Route("domain", feature_units(feature_of_column))],
            name="domain_gate" if len(xs) == 1 else f"domain_gate_{i}",
            **dense_options,
        )
        u = ops.concatenate([d, ops.stop_gradient(x)], axis=-1)
        delta = gate(u)[0]  # the layer returns (1, batch, columns), for one gate
        scaled_xs.append(delta * x)
    return scaled_xs
