"""POSO: a gate of personal features weighs the experts of MMoE."""

from collections.abc import Sequence

from mtl_cli.core.options import Count, Positive, SomeUnits, Units
from mtl_cli.core.tensors import Tensor
from mtl_cli.gates.base import GateName
from mtl_cli.models.base import Sharing


class POSO(Sharing):
    """Each expert f_i is a copy of a module, for some kind of user or situation.

        p(u)   = sigmoid(V relu(U u + c) + e)    a factor for each expert, of all tasks
        g_t(x) = softmax(W_t x)                  a weight for each expert
        z_t    = C sum_i p(u)_i g_t(x)_i f_i(x)
        y_t    = h_t(z_t)

    u are the embeddings and numbers of the personal features. C keeps the size of z_t.

    Attributes:
        num_experts: number of experts, E.
        expert_units: widths of each expert.
        gate_units: hidden widths of each gate g_t; empty is MMoE's linear gate.
        personal_features: features that tell apart groups of users, such as how new a
            user is; an empty list is all features with embeddings.
        personal_gate_units: hidden widths of the gate p.
        scale: C; with 2, factors of 1/2 give MMoE.

    Reference: Dai et al., "POSO: Personalized Cold Start Modules for Large-scale
        Recommender Systems", 2021, POSO (MMoE).
    """

    num_experts: Count
    expert_units: SomeUnits
    gate_units: Units
    gate: GateName = "softmax"
    personal_features: list[str]
    personal_gate_units: SomeUnits
    scale: Positive

    def named_features(self) -> dict[str, list[str]]:
        return {"personal_features": self.personal_features}

    def share(self, encodings: list[Tensor], tasks: Sequence[str]) -> Tensor:
        from mtl_cli.layers import Mix, ParallelMLP, Route, experts_of
        from mtl_cli.layers.gate_nu import GateNU
        from mtl_cli.layers.routing import SHARED

        x, u = encodings  # (B, D), (B, width of the personal features)
        num, units, dense = self.num_experts, self.expert_units, self.dense_options
        f = ParallelMLP(num, units, name="experts", **dense)
        experts = f(x)  # (E, B, H)
        shared = experts_of(SHARED, num)
        g = self.gate_option.layer(
            len(tasks),
            num,
            self.gate_units,
            routes=[Route(t, shared) for t in range(len(tasks))],
            name="gates",
            **dense,
        )
        p = GateNU(
            1,
            num,
            self.personal_gate_units,
            gamma=self.scale,
            routes=[Route("personal", shared)],
            weighs_experts=True,
            name="personal_gate",
            **dense,
        )
        return Mix()(g(x) * p(u), experts)  # z_t, (T, B, H)
