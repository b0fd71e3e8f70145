"""PEPNet: gates that read single features scale the embeddings and the towers."""

from collections.abc import Sequence

from mtl_cli.columns.encodings import Encodings
from mtl_cli.core.tensors import Tensor
from mtl_cli.models.base import Sharing


class PEPNet(Sharing):
    """The towers of all tasks read the encoding, and PPNet scales their layers.

        z_t = x                    the same for all tasks
        y_t = h_t(z_t)             h_t has gates, see `mtl_cli/towers/ppnet.py`

    x is the encoding of a row, h_t the tower and y_t the logits of task t; see
    `Sharing`. PEPNet has two kinds of gates. PPNet scales the input of each layer of
    the towers (`model.towers=ppnet`). EPNet scales the embeddings and dense features
    that the encoder reads; its factors depend on features that tell the domain of a
    row, such as the page (`encoder.domain_features`, see `encoders/_domain_gate.py`).
    Any other scheme can have both kinds of gates too.

    Reference: Chang et al., "PEPNet: Parameter and Embedding Personalized Network for
        Infusing with Personalized Prior Information", KDD 2023.
    """

    def share(self, encodings: Encodings, tasks: Sequence[str]) -> Tensor:
        (x,) = encodings.outputs  # one encoding, (batch, dim)
        return x  # z_t, (batch, dim)
