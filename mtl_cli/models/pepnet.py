"""PEPNet: gates that read single features scale the embeddings and the towers."""

from collections.abc import Sequence

from mtl_cli.columns.encodings import Encodings
from mtl_cli.core.tensors import Tensor
from mtl_cli.models.base import Sharing


class PEPNet(Sharing):
    """The towers of all tasks read the encoding, and PPNet scales their layers.

        z_t = x                    the same for all tasks
        y_t = h_t(z_t)             h_t has gates, see `mtl_cli/towers/ppnet.py`

    `Sharing` explains x, h_t and y_t. PEPNet has two kinds of gates, which any other
    scheme can have too. PPNet scales the input of each layer of the towers
    (`model.towers=ppnet`). EPNet scales the embeddings and dense features that the
    encoder reads (`encoder.domain_features`, see `encoders/_domain_gate.py`).

    Reference: Chang et al., "PEPNet: Parameter and Embedding Personalized Network for
        Infusing with Personalized Prior Information", KDD 2023.
    """

    def share(self, encodings: Encodings, tasks: Sequence[str]) -> Tensor:
        (x,) = encodings.outputs  # one encoding, (batch, dim)
        return x  # z_t, (batch, dim)
