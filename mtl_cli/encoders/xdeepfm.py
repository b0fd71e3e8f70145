"""Compressed interaction network beside a deep network."""

from pydantic import field_validator

from mtl_cli.core.options import SomeUnits
from mtl_cli.core.tensors import Tensor
from mtl_cli.encoders.base import Encoder, Fields


class XDeepFM(Encoder):
    """Vector-wise interactions of growing degree, sum-pooled.

    Attributes:
        cin_units: feature maps of each layer; all but the last must be even, since
            half of each goes to the next layer and half to the output.

    Reference: Lian et al., "xDeepFM: Combining Explicit and Implicit Feature
        Interactions for Recommender Systems", KDD 2018.
        Differs from the paper in: of each layer but the last, half of the feature maps
        go to the next layer and half to the output, not all to both; layers have a bias
        and a ReLU (these as in DeepCTR); there is no linear part.
    """

    cin_units: SomeUnits

    @field_validator("cin_units")
    @classmethod
    def _halves(cls, units: list[int]) -> list[int]:
        if any(width % 2 for width in units[:-1]):
            raise ValueError("all widths but the last must be even")
        return units

    def interact(self, fields: Fields) -> list[Tensor]:
        from mtl_cli.layers import deepctr

        vectors = self.pairs_of(fields)
        return [
            deepctr.connect(
                "CIN",
                vectors,
                layer_size=tuple(self.cin_units),
                split_half=True,
                l2_reg=0.0,
            )
        ]
