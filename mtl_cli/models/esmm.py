"""Entire space multi-task model: shared embeddings, a tower each, chained heads."""

from mtl_cli.core.tensors import Tensor
from mtl_cli.models.base import Sharing


class ESMM(Sharing):
    """Towers read the shared embeddings; with `heads: esmm`, pCTCVR = pCTR x pCVR.

    The heads make the model: any other scheme takes them too (`model.heads=esmm`).

    Reference: Ma et al., "Entire Space Multi-Task Model: An Effective Approach for
        Estimating Post-Click Conversion Rate", SIGIR 2018.
    """

    def share(self, encodings: list[Tensor], num_tasks: int) -> Tensor:
        (x,) = encodings
        return x
