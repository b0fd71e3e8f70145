"""DCN V2: a cross network whose layers have weight matrices."""

from typing import ClassVar

from mtl_cli.encoders.dcn import DCN


class DCNv2(DCN):
    """Cross layers: `x_{l+1} = x_0 * (W_l x_l + b_l) + x_l`.

    x_0 holds the embeddings and dense features of a row side by side. * is the
    element-wise product. The matrix W_l and the vector b_l are the weights of layer l.
    The interactions are the output of the last layer; `Encoder` adds the deep network.

    Attributes:
        num_cross_layers: number of layers; each raises the degree of interactions by 1.

    Reference: Wang et al., "DCN V2: Improved Deep & Cross Network and Practical
        Lessons for Web-scale Learning to Rank Systems", WWW 2021.
    """

    parameterization: ClassVar[str] = "matrix"
