"""Replaces ids by id 0 in training, as the key `id_dropout` of features asks."""

import numpy as np
import tensorflow as tf

from mtl_cli.columns.numeric import Floats
from mtl_cli.core.tensors import Tensor


class IdDropout:
    """Replaces ids of a batch by id 0 at random, each with a probability of its own.

    The draws depend only on the seed, the rank of the process and the step, so a
    resumed run draws as if it had not been interrupted.

    Args:
        rates: {column of the input `ids`: the probability of each id, (ids,)}.
    """

    def __init__(self, rates: dict[int, Floats], seed: int, rank: int) -> None:
        self.columns = list(rates)
        self.rates = [tf.constant(x, tf.float32) for x in rates.values()]
        state = np.random.SeedSequence([seed, rank]).generate_state(1)
        self.seed = tf.constant(state.astype("int64"))

    def drop(self, features: dict[str, Tensor], step: Tensor) -> dict[str, Tensor]:
        """Returns the features of a batch, {input of the network: (batch, width)}."""
        if not self.columns:
            return features
        ids = tf.unstack(features["ids"], axis=1)
        shape = (len(self.columns), tf.shape(ids[0])[0])
        seed = tf.concat([self.seed, [tf.cast(step, tf.int64)]], axis=0)
        draws = tf.unstack(tf.random.stateless_uniform(shape, seed))
        for column, rates, draw in zip(self.columns, self.rates, draws, strict=True):
            is_dropped = draw < tf.gather(rates, ids[column])
            ids[column] = tf.where(is_dropped, 0, ids[column])
        return {**features, "ids": tf.stack(ids, axis=1)}
