"""The synthetic data of the papers of MMoE and PLE: two related regression tasks."""

from math import sqrt
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator

from mtl_cli.core.options import Count, CountOrZero, NotNegative, Positive
from mtl_cli.data.dataset import Dataset
from mtl_cli.features.dense import Dense

MAX_DIMENSIONS = 10_000  # a generated data set declares each feature


class LabelParameters(NamedTuple):
    """The parameters in the formula of the labels, see `Synthetic`."""

    w: np.ndarray  # the weight vectors w_1 and w_2 of the two tasks, (2, d)
    alpha: np.ndarray  # the frequencies of the sines, (m,)
    beta: np.ndarray  # the phases of the sines in radians, (m,)


class Synthetic(Dataset):
    """Gaussian features, and two tasks whose weight vectors have the cosine p.

        x   ~ N(0, 1)^d                               the features of a row
        w_1 = c u_1                                   the weight vector of task 1
        w_2 = c (p u_1 + sqrt(1 - p^2) u_2)           the weight vector of task 2
        y_k = w_k x + sum_{i=1..m} sin(alpha_i w_k x + beta_i) + N(0, noise_variance)

    u_1 and u_2 are orthogonal unit vectors. Both tasks have the same alpha and beta.

    Columns: the features `x0` to `x{d-1}`, and the labels `y1` and `y2`. A YAML file
    may leave out the features, since they follow from `dimensions`.

    Attributes:
        generator: name of the generator's module.
        correlation: p, the cosine of the two weight vectors.
        dimensions: d, the number of features.
        scale: c, the length of the weight vectors.
        num_sines: m, the number of sines in a label.
        coefficients: the choice of alpha and beta: with `index`, alpha_i = i and
            beta_i ~ N(0, 1); with `normal`, alpha_i and beta_i ~ N(0, 1).
        noise_variance: variance of the noise of each label.
        train_rows: number of training rows.
        test_rows: number of test rows.
        generator_seed: seed of all random draws of the rows. The keys `seed` and
            `split_seed` do not change the rows. Two data sets that differ only in
            `train_rows` have the same parameters and test rows. Two data sets that
            differ only in `correlation` have the same x, u, alpha and beta.

    Reference: Ma et al., "Modeling Task Relationships in Multi-task Learning with
        Multi-gate Mixture-of-Experts", KDD 2018, section 3.2; Tang et al.,
        "Progressive Layered Extraction (PLE)", RecSys 2020, section 5.
        The paper of MMoE does not state alpha, beta, c and m. With the values in
        conf/dataset/synthetic_mmoe.yaml, the results are as in the paper's figure 2.
    """

    generator: Literal["synthetic"]
    train: Literal["generated"] = "generated"
    valid: None = None
    test: Literal["generated"] = "generated"
    correlation: Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]
    dimensions: Annotated[int, Field(ge=2, le=MAX_DIMENSIONS)]
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
        # Without features, pydantic would report more than the wrong `dimensions`.
        if not isinstance(dimensions, int) or not 2 <= dimensions <= MAX_DIMENSIONS:
            dimensions = 2
        return {**values, "features": feature_declarations(dimensions)}

    @model_validator(mode="after")
    def _check_declarations(self) -> "Synthetic":
        expected = feature_declarations(self.dimensions)
        if {name: f.model_dump() for name, f in self.features.items()} != expected:
            raise ValueError(
                "features: the features follow from dimensions; leave out features"
            )
        return self

    def generate(self) -> dict[str, pa.Table]:
        parameters = self.parameters()
        _, train_seed, test_seed = np.random.SeedSequence(self.generator_seed).spawn(3)
        return {
            "train": self._draw_rows(train_seed, self.train_rows, parameters),
            "test": self._draw_rows(test_seed, self.test_rows, parameters),
        }

    def parameters(self) -> LabelParameters:
        seed, *_ = np.random.SeedSequence(self.generator_seed).spawn(3)
        random = np.random.default_rng(seed)
        u1, u2 = random.normal(size=(2, self.dimensions))
        u1 /= np.linalg.norm(u1)
        u2 -= u2 @ u1 * u1  # makes u2 orthogonal to u1
        u2 /= np.linalg.norm(u2)
        p = self.correlation
        w = self.scale * np.stack([u1, p * u1 + sqrt(1 - p**2) * u2])
        beta = random.normal(size=self.num_sines)
        if self.coefficients == "normal":
            alpha = random.normal(size=self.num_sines)
        else:
            alpha = np.arange(1.0, self.num_sines + 1)
        return LabelParameters(w, alpha, beta)

    def _draw_rows(
        self, seed: np.random.SeedSequence, num_rows: int, parameters: LabelParameters
    ) -> pa.Table:
        random = np.random.default_rng(seed)
        columns = {}
        z = np.zeros((2, num_rows))  # w_1 x and w_2 x
        for name, weights in zip(self.features, parameters.w.T, strict=True):
            columns[name] = random.standard_normal(num_rows, dtype="float32")
            z += weights[:, None] * columns[name]
        y = z + random.normal(0, sqrt(self.noise_variance), (2, num_rows))
        for alpha, beta in zip(parameters.alpha, parameters.beta, strict=True):
            y += np.sin(alpha * z + beta)
        columns["y1"], columns["y2"] = y.astype("float32")
        return pa.table(columns)


def feature_declarations(dimensions: int) -> dict[str, Any]:
    """Returns the value of the key `features`: dense features without a transform."""
    keys = Dense(kind="dense", transform="none").model_dump()
    return {f"x{i}": keys for i in range(dimensions)}
