"""The domain gate of encoders: EPNet, which scales x before the encoder reads x.

For `encoder.domain_features`,

    x <- 2 sigmoid(V relu(U [d; sg(x)] + c) + c') * x

x holds the embeddings and dense features of a row side by side, and d the columns of
the domain features in x. sg stops gradients, and * is the element-wise product. The
matrices U, V and the vectors c, c' are weights of the gate, which is `layers.GateNU`.
The key `model.activation` may name another function than relu.

The paper writes E for x, E(F_d) for d, delta_domain for the factors, and O_ep for the
scaled x. `layers/gate_nu.py` writes W, b, W' and b' for U, c, V and c'.

Reference: Chang et al., "PEPNet: Parameter and Embedding Personalized Network for
    Infusing with Personalized Prior Information", KDD 2023, equations 5 and 6.
"""

from collections.abc import Sequence
from typing import Any

from mtl_cli.columns.encodings import columns_of_features
from mtl_cli.core.tensors import Tensor


def scale(
    xs: Sequence[Tensor],
    columns: Sequence[str],
    domain_features: Sequence[str],
    hidden_units: Sequence[int],
    dense_options: dict[str, Any],
) -> list[Tensor]:
    """Connects a domain gate to the x of each set of embeddings; returns the scaled x.

    Args:
        xs: the x of each set, `(batch, columns)` each.
        columns: the name of the feature to which each column of x belongs.
        domain_features: the features that the gate reads.
        hidden_units: widths of the gate's hidden layers.
        dense_options: arguments of the gate's hidden layers, see `ParallelMLP`.
    """
    from keras import ops

    from mtl_cli.layers import Route
    from mtl_cli.layers.gate_nu import GateNU, feature_units

    domains = columns_of_features(xs, columns, domain_features)
    scaled = []
    for i, (domain, x) in enumerate(zip(domains, xs, strict=True), 1):
        gate = GateNU(
            1,
            len(columns),
            hidden_units,
            routes=[Route("domain", feature_units(columns))],
            name="domain_gate" if len(domains) == 1 else f"domain_gate_{i}",
            **dense_options,
        )
        gate_input = ops.concatenate([domain, ops.stop_gradient(x)], axis=-1)
        scaled.append(gate(gate_input)[0] * x)
    return scaled
