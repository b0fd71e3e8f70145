"""PEPNet: gates of single features scale the embeddings and the towers' layers."""

from collections.abc import Sequence

from mtl_cli.core.tensors import Tensor
from mtl_cli.models.base import Sharing


class PEPNet(Sharing):
    """The towers of all tasks read the encoding, and PPNet scales their layers.

        z_t = x                    the same for all tasks
        y_t = h_t(z_t)             h_t with gates: see `mtl_cli/towers/ppnet.py`

    PEPNet consists of two gates. PPNet (`model.towers=ppnet`) scales the layers of the
    towers. EPNet scales the embeddings below x by features that tell the domain
    (`encoder.domain_features`, see `encoders/base.py`). Any other scheme can have both
    gates too.

    Reference: Chang et al., "PEPNet: Parameter and Embedding Personalized Network for
        Infusing with Personalized Prior Information", KDD 2023.
    """

    def share(self, encodings: list[Tensor], tasks: Sequence[str]) -> Tensor:
        (x,) = encodings
        return x  # z_t, (B, D)
