"""Deep and cross network."""

from mtl_cli.core.options import Count
from mtl_cli.core.tensors import Tensor
from mtl_cli.encoders.base import Encoder, Fields


class DCN(Encoder):
    """Cross layers with vectors: `x_{l+1} = x_0 (x_l' w_l) + b_l + x_l`.

    Attributes:
        num_cross_layers: number of layers; each adds one degree of interaction.

    Reference: Wang et al., "Deep & Cross Network for Ad Click Predictions", ADKDD 2017.
    """

    num_cross_layers: Count

    def interact(self, fields: Fields) -> list[Tensor]:
        from mtl_cli.layers import deepctr

        return [
            deepctr.connect(
                "CrossNet",
                fields.flat,
                layer_num=self.num_cross_layers,
                parameterization="vector",
            )
        ]
