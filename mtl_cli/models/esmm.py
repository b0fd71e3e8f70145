"""Entire space multi-task model: shared embeddings, and heads that link two tasks."""

from collections.abc import Sequence

from mtl_cli.columns.encodings import Encodings
from mtl_cli.core.tensors import Tensor
from mtl_cli.models.base import Sharing


class ESMM(Sharing):
    """The towers of all tasks read the shared encoding.

        z_t = x                           the same for all tasks
        y_t = h_t(z_t)
        pCTR = sigmoid(y_click), pCVR = sigmoid(y_conversion), pCTCVR = pCTR x pCVR

    `Sharing` explains x, h_t and y_t. The heads `esmm` compute the last line, see
    `mtl_cli/heads/esmm.py`. Any other scheme can have these heads too.

    Reference: Ma et al., "Entire Space Multi-Task Model: An Effective Approach for
        Estimating Post-Click Conversion Rate", SIGIR 2018, equations 1 and 3.
    """

    def share(self, encodings: Encodings, tasks: Sequence[str]) -> Tensor:
        (x,) = encodings.outputs  # one encoding, (batch, dim)
        return x  # z_t, (batch, dim)
