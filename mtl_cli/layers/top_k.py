"""Noisy top-k gates: each row weighs only the k experts with the largest logits."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from mtl_cli.core.tensors import Tensor
from mtl_cli.layers.gates import Gates
from mtl_cli.layers.parallel import ParallelDense
from mtl_cli.layers.register import register


@register
class TopKGates(Gates):
    """Computes gates that give weight to k = `num_selected` experts in each row.

        H(x)_i = (W x)_i + e_i softplus((V x)_i)
        G(x)   = softmax(KeepTopK(H(x), k))              the weights of the experts

    The paper writes W_g for W, and W_noise for V. The noise e_i is drawn from N(0, 1)
    in training, and is 0 otherwise. KeepTopK sets all but the k largest logits to minus
    infinity, so that the other experts have the weight 0 and no gradient.

    Args:
        num, num_experts, units, **kwargs: see `Gates`.
        num_selected: number of experts with a weight, k, 1 or more; more than
            `num_experts` means all. With 1, the only weight is always 1, so that W has
            no gradient.
        has_noise: whether there is noise in training. Without noise, the layer has no
            matrix V.

    Input shape: see `Gates`.
    Output shape: `(num, batch, num_experts)`; the last axis sums to 1.

    Reference: Shazeer et al., ICLR 2017, equations 3 to 5, see `gates/top_k.py`.
        Differs from the paper in: no losses spread the rows evenly over the experts,
        since tasks may well need different experts; W and V start as the model's
        initializer draws them, not at 0.
    """

    variables_by_expert: tuple[str, ...] = ("logits.kernel", "noise.kernel")

    def __init__(
        self,
        num: int,
        num_experts: int,
        units: Sequence[int] = (),
        num_selected: int = 2,
        has_noise: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(num, num_experts, units, **kwargs)
        self.num_selected = min(num_selected, num_experts)
        self.noise = None
        if has_noise:
            self.noise = ParallelDense(
                num,
                num_experts,
                use_bias=False,
                l2=self.logits.l2,
                initializer=self.logits.initializer,
                dtype=self.dtype_policy,
            )
            self.seed_generator = keras.random.SeedGenerator()

    def call(self, x: Tensor, training: bool | None = None) -> Tensor:
        hidden = self.hidden(x)
        logits = ops.cast(self.logits(hidden), "float32")  # (num, batch, num_experts)
        if training and self.noise is not None:
            e = keras.random.normal(ops.shape(logits), seed=self.seed_generator)
            logits += e * ops.softplus(ops.cast(self.noise(hidden), "float32"))  # H(x)
        _, top_experts = ops.top_k(logits, self.num_selected)
        # `top_k` keeps exactly k experts even if logits are equal. A threshold at the
        # k-th largest logit could keep more.
        is_kept = ops.sum(ops.one_hot(top_experts, logits.shape[-1]), axis=-2) > 0
        logits = ops.where(is_kept, logits, -float("inf"))
        return ops.cast(ops.softmax(logits), self.compute_dtype)  # G(x)

    def parts(self) -> dict[str, Any]:
        parts = super().parts()
        return parts if self.noise is None else parts | {"noise.": self.noise}
