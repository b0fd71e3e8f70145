"""Adagrad that keeps one number for each row of an embedding table."""

from typing import Any, ClassVar

from pydantic import field_validator

from mtl_cli.core.tensors import Tensor
from mtl_cli.optimizers.adagrad import Adagrad
from mtl_cli.optimizers.base import Slot


class RowwiseAdagrad(Adagrad):
    """Adagrad with `s += mean(g^2)`, the mean over the columns of a table's row.

    Embedding tables of any size are updated by rows. All other weights are updated as
    by `Adagrad`, so that a row's update differs from the Keras optimizer's.

    Reference: Mudigere et al., "Software-Hardware Co-design for Fast and Scalable
        Training of Deep Learning Recommendation Models", ISCA 2022, section 4.1.4.
    """

    is_always_lazy: ClassVar[bool] = True

    @field_validator("lazy")
    @classmethod
    def _refuse_false(cls, lazy: Any) -> Any:
        if lazy is False:
            raise ValueError("rowwise_adagrad is lazy by nature; set it to auto")
        return lazy

    def row_slots(self) -> list[Slot]:
        return [Slot(self.initial_accumulator_value, per_row=True)]

    def squares(self, gradient: Tensor) -> Tensor:
        import tensorflow as tf

        return tf.reduce_mean(tf.square(gradient), axis=1, keepdims=True)
