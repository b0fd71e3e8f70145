"""Two regressions of chosen relatedness: the synthetic data of MMoE and PLE."""

from dataclasses import dataclass
from math import sqrt
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator

from mtl_cli.core.options import Count, CountOrZero, NotNegative, Positive
from mtl_cli.data.dataset import Dataset
from mtl_cli.features.dense import Dense


@dataclass(frozen=True)
class Parameters:
    """The parameters of the labels.

    Attributes:
        w: weight vectors of the tasks, (2, d).
        alpha: frequencies of the sines, (m,).
        beta: phases of the sines, (m,), radians.
    """

    w: np.ndarray
    alpha: np.ndarray
    beta: np.ndarray


class Synthetic(Dataset):
    """Gaussian features, and two labels whose weight vectors have a chosen cosine.

    x ~ N(0, 1)^d
    w1 = c u1, w2 = c (p u1 + sqrt(1 - p^2) u2), u1 and u2 orthogonal unit vectors
    y_k = w_k x + sum_{i=1..m} sin(alpha_i w_k x + beta_i) + N(0, noise_variance)

    Columns: `x0` to `x{d-1}`, `y1`, `y2`. The features follow from `dimensions` and
    may be left out.

    Attributes:
        generator: name of the generator's module.
        correlation: p, the cosine of the weight vectors.
        dimensions: d, how many features.
        scale: c, length of the weight vectors.
        num_sines: m.
        coefficients: `index`: alpha_i = i, beta_i ~ N(0, 1); `normal`: both N(0, 1).
            The tasks have the same.
        noise_variance: variance of each label's noise.
        train_rows: number of training rows.
        test_rows: number of test rows.
        generator_seed: seed of all draws; apart from `seed`, `split_seed`. Parameters
            and test rows do not depend on `train_rows`, and those that `correlation`
            does not concern are the same for each.

    Reference: Ma et al., "Modeling Task Relationships in Multi-task Learning with
        Multi-gate Mixture-of-Experts", KDD 2018, section 3.2; Tang et al.,
        "Progressive Layered Extraction (PLE)", RecSys 2020, section 5.
        Differs from the papers in: nothing known; MMoE's does not give alpha, beta, c
        and m (conf/dataset/synthetic_mmoe.yaml says what gives its figure 2).
    """

    generator: Literal["synthetic"]
    train: Literal["generated"] = "generated"
    valid: None = None
    test: Literal["generated"] = "generated"
    correlation: Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]
    dimensions: Annotated[int, Field(ge=2)]
    scale: Positive
    num_sines: CountOrZero
    coefficients: Literal["index", "normal"]
    noise_variance: NotNegative
    train_rows: Count
    test_rows: Count
    generator_seed: CountOrZero

    @model_validator(mode="before")
    @classmethod
    def _add_features(cls, values: Any) -> Any:
        if not isinstance(values, dict) or "features" in values:
            return values
        dimensions = values.get("dimensions")
        # A wrong number is told as such, not as missing features.
        if not isinstance(dimensions, int) or dimensions < 2:
            dimensions = 2
        return {**values, "features": features(dimensions)}

    @model_validator(mode="after")
    def _check_names(self) -> "Synthetic":
        expected = features(self.dimensions)
        if {name: f.model_dump() for name, f in self.features.items()} != expected:
            raise ValueError(
                f"features: follow from dimensions: x0 to x{self.dimensions - 1}, all "
                "dense with transform none; leave them out"
            )
        return self

    def parameters(self) -> Parameters:
        """Returns the parameters of the labels."""
        random = np.random.default_rng(self._streams()[0])
        u1, u2 = random.normal(size=(2, self.dimensions))
        u1 /= np.linalg.norm(u1)
        u2 -= u2 @ u1 * u1
        u2 /= np.linalg.norm(u2)
        p = self.correlation
        w = self.scale * np.stack([u1, p * u1 + sqrt(1 - p**2) * u2])
        beta = random.normal(size=self.num_sines)
        alpha = np.arange(1.0, self.num_sines + 1)
        if self.coefficients == "normal":
            alpha = random.normal(size=self.num_sines)
        return Parameters(w, alpha, beta)

    def generate(self) -> dict[str, pa.Table]:
        """Returns the `train` and `test` tables, the same each time."""
        parameters = self.parameters()
        _, train, test = self._streams()
        return {
            "train": self._rows(train, self.train_rows, parameters),
            "test": self._rows(test, self.test_rows, parameters),
        }

    def _streams(self) -> list[np.random.SeedSequence]:
        return np.random.SeedSequence(self.generator_seed).spawn(3)

    def _rows(
        self, stream: np.random.SeedSequence, rows: int, parameters: Parameters
    ) -> pa.Table:
        random = np.random.default_rng(stream)
        columns = {}
        z = np.zeros((2, rows))  # w_k x
        for name, weights in zip(self.features, parameters.w.T, strict=True):
            columns[name] = random.standard_normal(rows, dtype="float32")
            z += weights[:, None] * columns[name]
        y = z + random.normal(0, sqrt(self.noise_variance), (2, rows))
        for alpha, beta in zip(parameters.alpha, parameters.beta, strict=True):
            y += np.sin(alpha * z + beta)
        columns["y1"], columns["y2"] = y.astype("float32")
        return pa.table(columns)


def features(dimensions: int) -> dict[str, Any]:
    """Returns what a YAML would declare: `x0`, `x1`, ..., numbers as they are."""
    declared = Dense(kind="dense", transform="none").model_dump()
    return {f"x{i}": declared for i in range(dimensions)}
