"""Adagrad that keeps one sum of squares for each row of an embedding table."""

from typing import ClassVar

from pydantic import field_validator

from mtl_cli.core.tensors import Tensor
from mtl_cli.optimizers.adagrad import Adagrad
from mtl_cli.optimizers.base import SlotSpec


class RowwiseAdagrad(Adagrad):
    """Adagrad with one s for each row of an embedding table: `s += mean(g^2)`.

    The mean is over the columns of the row. If each task has vectors of its own, as in
    `single_task`, each vector is a row. `Adagrad` defines the symbols, and needs far
    more memory. Keras has no such optimizer. So the training loop updates embedding
    tables of every size by rows, and `Adagrad` updates all other weights.

    Reference: Mudigere et al., "Software-Hardware Co-design for Fast and Scalable
        Training of Deep Learning Recommendation Models", ISCA 2022, section 4.1.4.
    """

    is_always_lazy: ClassVar[bool] = True

    @field_validator("lazy")
    @classmethod
    def _refuse_false(cls, lazy: bool | str) -> bool | str:
        if lazy is False:
            raise ValueError(
                "should be auto or true, because rowwise_adagrad updates embedding "
                "tables of every size by rows"
            )
        return lazy

    def row_slots(self) -> list[SlotSpec]:
        return [SlotSpec(self.initial_accumulator_value, per_row=True)]

    def squared_gradient(self, gradient: Tensor) -> Tensor:
        import tensorflow as tf

        return tf.reduce_mean(tf.square(gradient), axis=1, keepdims=True)
