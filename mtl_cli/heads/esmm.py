"""Heads: from towers' logits to named predictions."""

from typing import Any

from keras import ops

from mtl_cli.tasks.base import after_click


def esmm(logits: dict[str, Any], click: str, conversion: str) -> dict[str, Any]:
    """Chains two towers on the entire space: `pCTCVR = pCTR * pCVR`.

    The towers give the logits `a` of pCTR and `b` of pCVR. The product is handed on
    as its own logit, so that a loss on it stays exact where the product is near 0:

        logit(s(a) s(b)) = -log(exp(-a) + exp(-b) + exp(-a - b)),  s the sigmoid.

    Args:
        logits: one `(batch, 1)` a task.
        click: the task that is a click; its tower gives pCTR.
        conversion: the task that is a click and a conversion; its tower gives pCVR.

    Returns: `logits` with `conversion` now that of pCTCVR, and with pCVR added under
        `after_click(click, conversion)`.

    Reference: Ma et al., SIGIR 2018, equation 1.
    """
    a, b = logits[click], logits[conversion]
    terms = ops.concatenate([-a, -b, -a - b], axis=-1)
    return {
        **logits,
        conversion: -ops.logsumexp(terms, axis=-1, keepdims=True),
        after_click(click, conversion): b,
    }
