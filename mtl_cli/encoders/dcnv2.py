"""Deep and cross network, version 2."""

from mtl_cli.core.options import Count
from mtl_cli.core.tensors import Tensor
from mtl_cli.encoders.base import Encoder, Fields


class DCNv2(Encoder):
    """Cross layers with matrices: `x_{l+1} = x_0 * (W_l x_l + b_l) + x_l`.

    Attributes:
        num_cross_layers: number of layers; each adds one degree of interaction.

    Reference: Wang et al., "DCN V2: Improved Deep & Cross Network and Practical
        Lessons for Web-scale Learning to Rank Systems", WWW 2021.
    """

    num_cross_layers: Count

    def interact(self, fields: Fields) -> list[Tensor]:
        from mtl_cli.layers import deepctr

        return [
            deepctr.connect(
                "CrossNet",
                fields.flat,
                layer_num=self.num_cross_layers,
                parameterization="matrix",
            )
        ]
