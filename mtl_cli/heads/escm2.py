"""ESCM2's heads: ESMM's, and a loss of pCVR that counts each click 1 / pCTR times."""

from typing import Annotated, ClassVar

from pydantic import Field

from mtl_cli.core.options import NotNegative
from mtl_cli.core.prediction_names import conditional_name
from mtl_cli.core.tensors import Tensor
from mtl_cli.heads.base import Tasks
from mtl_cli.heads.esmm import ESMM


class ESCM2(ESMM):
    """ESMM's heads with the counterfactual risk of pCVR by inverse propensities (IPS).

    For the N impressions of a batch, with the click o, the conversion r, and ESMM's
    outputs pCTR, pCVR and pCTCVR = pCTR x pCVR,

        L_CTR   = 1/N sum l(o, pCTR)
        L_CTCVR = 1/N sum l(o r, pCTCVR)
        L_CVR   = 1/N sum o l(r, pCVR) / max(sg(pCTR), pctr_clip)
        loss    = L_CTR + counterfactual_weight L_CVR + L_CTCVR

    l is the loss of the task, by default the cross-entropy. sg stops the gradient,
    so that L_CVR does not train pCTR. If pCTR is the true probability and is not
    clipped, the expected value of L_CVR is the mean loss of pCVR over all impressions,
    as if each had been clicked. If `counterfactual_weight` is 0, these heads are
    ESMM's.

    The paper writes lambda_c for `counterfactual_weight`. The paper's factor lambda_g
    of L_CTCVR is the key `weight` of the conversion task here.

    Attributes:
        counterfactual_weight: factor of the counterfactual risk of pCVR. With 0, the
            heads are ESMM's. Only for `heads: escm2`.
        pctr_clip: a lower pCTR counts as this value in the factor 1 / pCTR of a click;
            only for `heads: escm2`.

    Reference: Wang et al., "ESCM2: Entire Space Counterfactual Multi-Task Model for
        Post-Click Conversion Rate Estimation", SIGIR 2022: ESCM2-IPS.
        Differs from the paper in: a click without a conversion label does not count,
        and the rows of a batch have weights; pCTR is corrected for the click task's
        `sampling_rate`, but N counts the sampled rows, so L_CVR is larger than the mean
        over all impressions, by all rows / sampled rows. The paper's other variant,
        ESCM2-DR, adds a tower that imputes l(r, pCVR), and corrects L_CVR with it.
        ESCM2-DR is missing here: the corrected L_CVR has the same gradient in the
        conversion tower, so that only the loss of the new tower would differ.
    """

    NAME: ClassVar[str] = "escm2"

    counterfactual_weight: NotNegative = 0.3
    pctr_clip: Annotated[float, Field(gt=0, le=1)] = 0.05

    def row_penalty(
        self,
        logits: dict[str, Tensor],
        tasks: Tasks,
        labels: dict[str, Tensor],
        weights: dict[str, Tensor],
    ) -> Tensor | None:
        if self.counterfactual_weight == 0:
            return None
        from keras import ops

        click, conversion = self.steps(tasks)
        pcvr_logit = ops.cast(logits[conditional_name(conversion, click)], "float32")
        # The loss of a binary task uses no statistics of the labels.
        losses = tasks[conversion].row_losses(labels[conversion], pcvr_logit, {})
        pctr_logit = ops.cast(ops.stop_gradient(logits[click][:, 0]), "float32")
        pctr = ops.sigmoid(pctr_logit + tasks[click].logit_shift)
        # A row without a click label has the label 0 here, so it counts as not clicked.
        clicks = labels[click] * weights[conversion]
        risk = clicks * losses / ops.maximum(pctr, self.pctr_clip)
        return self.counterfactual_weight * risk
