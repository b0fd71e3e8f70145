"""DCN V2: a cross network with matrices beside a deep network."""

from mtl_cli.core.options import Count
from mtl_cli.core.tensors import Tensor
from mtl_cli.encoders.base import Encoder, Fields


class DCNv2(Encoder):
    """Cross layers whose weights are matrices: `x_{l+1} = x_0 * (W_l x_l + b_l) + x_l`.

    x_0 is x, * the element-wise product; W_l and b_l are the weights of layer l.

    Attributes:
        num_cross_layers: number of layers; each raises the degree of interactions by 1.

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
