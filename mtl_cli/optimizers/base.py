"""Optimizers and learning-rate schedules, by configuration."""

from typing import Any, Literal

from pydantic import field_validator

from mtl_cli.core.options import CountOrZero, NotNegative, Options, Positive, Share


class Optimizer(Options):
    """What every optimizer takes.

    Attributes:
        learning_rate: at its highest.
        schedule: how the rate falls from there to 0 over the whole run.
        warmup_steps: steps over which the rate rises to `learning_rate` first.
        clip_norm: longest allowed gradient, over all weights; null for no limit.
        lazy: whether an embedding table is updated only in the rows that a batch
            touches; `auto` where it holds more than a million numbers.
    """

    learning_rate: Positive
    schedule: Literal["constant", "cosine", "linear"]
    warmup_steps: CountOrZero
    clip_norm: Positive | None
    lazy: Literal["auto"] | bool

    def build(self, total_steps: int) -> Any:
        """Returns the Keras optimizer for a run of `total_steps` steps."""
        import keras

        rate: Any = self.learning_rate
        if self.schedule != "constant" or self.warmup_steps:
            from mtl_cli.layers.schedule import Schedule

            rate = Schedule(rate, self.schedule, self.warmup_steps, total_steps)
        classes = {
            "adam": keras.optimizers.Adam,
            "adamw": keras.optimizers.AdamW,
            "adagrad": keras.optimizers.Adagrad,
            "rowwise_adagrad": keras.optimizers.Adagrad,
            "sgd": keras.optimizers.SGD,
        }
        own = set(type(self).model_fields) - set(Optimizer.model_fields) - {"name"}
        return classes[self.name](  # type: ignore[attr-defined]
            learning_rate=rate,
            global_clipnorm=self.clip_norm,
            **{key: getattr(self, key) for key in sorted(own)},
        )


class Adam(Optimizer):
    """Kingma and Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015."""

    name: Literal["adam"]
    beta_1: Share
    beta_2: Share
    epsilon: Positive


class AdamW(Optimizer):
    """Loshchilov and Hutter, "Decoupled Weight Decay Regularization", ICLR 2019."""

    name: Literal["adamw"]
    beta_1: Share
    beta_2: Share
    epsilon: Positive
    weight_decay: NotNegative


class Adagrad(Optimizer):
    """Duchi et al., "Adaptive Subgradient Methods", JMLR 12, 2011."""

    name: Literal["adagrad"]
    initial_accumulator_value: NotNegative
    epsilon: Positive


class RowwiseAdagrad(Optimizer):
    """Adagrad that keeps one number for each row of an embedding table.

    Tables are always updated lazily; all other weights as by Adagrad.

    Reference: Mudigere et al., "Software-Hardware Co-design for Fast and Scalable
        Training of Deep Learning Recommendation Models", ISCA 2022, section 4.1.4.
    """

    name: Literal["rowwise_adagrad"]
    initial_accumulator_value: NotNegative
    epsilon: Positive

    @field_validator("lazy")
    @classmethod
    def _lazy(cls, lazy: Any) -> Any:
        if lazy is False:
            raise ValueError("rowwise_adagrad is lazy by nature; set it to auto")
        return lazy


class SGD(Optimizer):
    """Gradient descent, with momentum if it is above 0."""

    name: Literal["sgd"]
    momentum: Share
    nesterov: bool
