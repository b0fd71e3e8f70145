"""POSO: a gate that reads personal features scales the experts of MMoE."""

from collections.abc import Sequence

from mtl_cli.columns.encodings import Encodings
from mtl_cli.core.options import NonEmptyUnits, NumParts, Positive
from mtl_cli.core.owners import SHARED
from mtl_cli.core.tensors import Tensor
from mtl_cli.models.base import GatedSharing


class POSO(GatedSharing):
    """Each expert f_i can specialise in a group of users that the gate p recognises.

        p(u)   = sigmoid(V relu(U u + c) + c')   a factor for each expert
        g_t(x) = softmax(W_t x)                  a weight for each expert
        z_t    = C sum_i p(u)_i g_t(x)_i f_i(x)
        y_t    = h_t(z_t)

    `Sharing` explains x, h_t and y_t. u holds the embeddings and dense values of the
    personal features. The factors p(u) are the same for all tasks. Since the factors
    are below 1, the constant C keeps z_t from being small. The paper writes x_pc for u,
    g(x_pc) for p(u), e^(i) for f_i, and x_t with a hat for z_t.

    Attributes:
        num_experts: number of experts, N in the paper.
        expert_units: widths of the layers of each expert.
        gate_units: hidden widths of each gate g_t; empty for MMoE's linear gate.
        personal_features: features that tell groups of users apart, such as how new a
            user is; empty for all features with embeddings.
        personal_gate_units: hidden widths of the gate p.
        scale: C. With `scale` 2, the model is MMoE as long as all factors are 1/2.

    Reference: Dai et al., "POSO: Personalized Cold Start Modules for Large-scale
        Recommender Systems", 2021, POSO (MMoE), equations 17 and 18.
    """

    num_experts: NumParts
    expert_units: NonEmptyUnits
    personal_features: list[str]
    personal_gate_units: NonEmptyUnits
    scale: Positive

    def named_features(self) -> dict[str, list[str]]:
        return {"personal_features": self.personal_features}

    def share(self, encodings: Encodings, tasks: Sequence[str]) -> Tensor:
        from mtl_cli.layers import GateNU, Mix, Route, experts_of

        (x,) = encodings.outputs  # one encoding, (batch, dim)
        # (batch, columns of the personal features)
        (u,) = encodings.of_features(self.personal_features)
        f = self.networks(self.num_experts, self.expert_units, name="experts")
        outputs = f(x)  # f_i(x), (experts, batch, units)
        experts = experts_of(SHARED, self.num_experts)
        g = self.gates([Route(t, experts) for t in range(len(tasks))], name="gates")
        p = GateNU(  # computes C p(u), (1, batch, experts)
            num=1,
            units=self.num_experts,
            hidden_units=self.personal_gate_units,
            gamma=self.scale,
            routes=[Route("personal", experts)],
            weighs_experts=True,
            name="personal_gate",
            **self.dense_options,
        )
        weights = g(x) * p(u)  # C p(u) g_t(x), (tasks, batch, experts)
        return Mix()(weights, outputs)  # z_t, (tasks, batch, units)
