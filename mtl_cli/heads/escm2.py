"""The heads of ESCM2: ESMM's heads, with a loss of pCVR over the clicked rows."""

from typing import ClassVar

from mtl_cli.core.options import NotNegative, PositiveUpToOne
from mtl_cli.core.prediction_names import conditional_name
from mtl_cli.core.tensors import Tensor
from mtl_cli.heads.base import Tasks, Tensors
from mtl_cli.heads.esmm import ESMM


class ESCM2(ESMM):
    """ESMM's heads with the counterfactual risk of pCVR by inverse propensities (IPS).

    For the N impressions of a batch, with ESMM's outputs pCTR, pCVR and
    pCTCVR = pCTR x pCVR, the click o and the conversion r (y and z in `ESMM`),

        L_CTR   = 1/N sum l(o, pCTR)
        L_CTCVR = 1/N sum l(o r, pCTCVR)
        L_CVR   = 1/N sum o l(r, pCVR) / max(sg(pCTR), pctr_clip)
        loss    = L_CTR + counterfactual_weight L_CVR + L_CTCVR

    l is the loss of the task, by default the cross-entropy. sg stops the gradient,
    so that L_CVR does not train pCTR. If pCTR is the true probability and is not
    clipped, the expected value of L_CVR is the mean loss of pCVR over all impressions,
    as if each had been clicked.

    The paper writes lambda_c for `counterfactual_weight`, and lambda_g for the key
    `weight` of the conversion task.

    Attributes:
        counterfactual_weight: factor of the counterfactual risk of pCVR. With 0, the
            heads are ESMM's. Only for `heads: escm2`.
        pctr_clip: the smallest pCTR in the weight 1 / pCTR of a click; a smaller pCTR
            is raised to it. Only for `heads: escm2`.

    Reference: Wang et al., "ESCM2: Entire Space Counterfactual Multi-Task Model for
        Post-Click Conversion Rate Estimation", SIGIR 2022: ESCM2-IPS.
        Differs from the paper in: a click without a conversion label does not count,
        and the rows of a batch have weights. With a `sampling_rate` of the click task,
        pCTR is the probability in complete data, but N is the number of sampled rows;
        so L_CVR is larger than the mean over all impressions, by the factor (all rows)
        / (sampled rows). The variant ESCM2-DR is left out: its correction of L_CVR does
        not depend on pCVR, so L_CVR would train the conversion tower as it does here.
    """

    NAME: ClassVar[str] = "escm2"

    counterfactual_weight: NotNegative = 0.3
    pctr_clip: PositiveUpToOne = 0.05

    def row_penalty(
        self, logits: Tensors, tasks: Tasks, labels: Tensors, weights: Tensors
    ) -> Tensor | None:
        if self.counterfactual_weight == 0:
            return None
        from keras import ops

        click, conversion = self.steps(tasks)
        pcvr_logit = ops.cast(logits[conditional_name(conversion, click)], "float32")
        losses = tasks[conversion].row_losses(
            labels[conversion],
            pcvr_logit,
            statistics={},  # the loss of a binary task does not read any
        )
        pctr_logit = ops.cast(ops.stop_gradient(logits[click][:, 0]), "float32")
        pctr = ops.sigmoid(pctr_logit + tasks[click].logit_shift)
        # A row without a click label has the label 0 here, so it counts as not clicked.
        click_weights = labels[click] * weights[conversion]
        risk = click_weights * losses / ops.maximum(pctr, self.pctr_clip)
        return self.counterfactual_weight * risk
