"""DCN: a cross network whose layers have weight vectors."""

from typing import ClassVar

from mtl_cli.core.options import NumParts
from mtl_cli.core.tensors import Tensor
from mtl_cli.encoders.base import Encoder, Fields


class DCN(Encoder):
    """Cross layers: `x_{l+1} = x_0 <x_l, w_l> + b_l + x_l`.

    x_0 holds the embeddings and dense features of a row side by side. <x_l, w_l> is the
    dot product. The vectors w_l and b_l are the weights of layer l. The interactions
    are the output of the last layer; `Encoder` adds the deep network. DeepCTR calls the
    cross layers `interaction.CrossNet`.

    Attributes:
        num_cross_layers: number of layers; each raises the degree of interactions by 1.

    Reference: Wang et al., "Deep & Cross Network for Ad Click Predictions", ADKDD 2017.
    """

    parameterization: ClassVar[str] = "vector"  # DCN-V2 has "matrix"
    num_cross_layers: NumParts

    def interact(self, fields: Fields) -> list[Tensor]:
        from mtl_cli.layers import deepctr

        return [
            deepctr.connect(
                "CrossNet",
                fields.flat,
                layer_num=self.num_cross_layers,
                parameterization=self.parameterization,
            )
        ]
