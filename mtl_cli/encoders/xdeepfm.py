"""xDeepFM: a compressed interaction network (CIN) that crosses embeddings."""

from pydantic import field_validator

from mtl_cli.core.options import NonEmptyUnits
from mtl_cli.core.tensors import Tensor
from mtl_cli.encoders.base import Encoder, Fields


class XDeepFM(Encoder):
    """Layers of products of embeddings. Each layer raises the products' degree by one.

    Layer k computes feature maps. Each map is a vector as long as an embedding:

        x_h^k = relu(sum_{i,j} W_ij^{k,h} (x_i^{k-1} * x_j^0) + b^{k,h})

    x_h^k is the map h of layer k, x_j^0 is the embedding of feature j, and * is the
    element-wise product. The weights W_ij^{k,h} and b^{k,h} are single numbers. The
    first half of a layer's maps goes to the next layer, and the second half to the
    output. All maps of the last layer go to the output. The interactions are the sums
    over the elements of each map in the output; `Encoder` adds the deep network.

    Attributes:
        cin_units: number of feature maps of each layer. All numbers but the last must
            be even, because only half of a layer's maps go to the next layer.

    Reference: Lian et al., "xDeepFM: Combining Explicit and Implicit Feature
        Interactions for Recommender Systems", KDD 2018.
        Differs from the paper in: a feature map goes either to the next layer or to the
        output, not to both; layers have a bias and a ReLU; there is no linear part;
        only features with embeddings take part. So is DeepCTR's `interaction.CIN`.
    """

    cin_units: NonEmptyUnits

    @field_validator("cin_units")
    @classmethod
    def _check_even_units(cls, units: list[int]) -> list[int]:
        if any(width % 2 for width in units[:-1]):
            raise ValueError(
                "should have even widths except for the last, because the maps are "
                "halved"
            )
        return units

    def interact(self, fields: Fields) -> list[Tensor]:
        from mtl_cli.layers import deepctr

        vectors = self.vectors_to_cross(fields)
        return [
            deepctr.connect(
                "CIN",
                vectors,
                layer_size=tuple(self.cin_units),
                split_half=True,
                l2_reg=0.0,
            )
        ]
