"""The operations of features in TensorFlow."""

from collections.abc import Mapping, Sequence
from functools import reduce

import numpy as np
import tensorflow as tf

from mtl_cli.core.tensors import Tensor
from mtl_cli.graphs.base import InputKind, Ops, slopes

# The key of `pandas.util.hash_array`, "0123456789123456", as two numbers.
SIPHASH_KEY = [0x3736353433323130, 0x3635343332313938]
# The final mixing steps of `pandas.util.hash_array`: shifts and factors of splitmix64.
MIXING = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
LAST_SHIFT = 31

Tables = dict[int, tf.lookup.StaticHashTable]


class TensorFlowOps(Ops):
    """The operations of features in a TensorFlow function.

    Args:
        columns: {column: the function's argument}.
        kinds: {column: what the argument holds}.
        tables: the tables of vocabularies, by the vocabulary's `id`; filled. The owner
            of the function keeps them.
    """

    format_name = "TensorFlow"

    def __init__(
        self,
        columns: Mapping[str, Tensor],
        kinds: Mapping[str, InputKind],
        tables: Tables,
    ) -> None:
        super().__init__(kinds)
        self.columns = columns
        self.tables = tables

    def is_accepted(self) -> Tensor:
        """Returns whether each row is accepted, (rows,)."""
        rows = tf.shape(next(iter(self.columns.values())))[:1]
        return reduce(tf.logical_and, self.conditions, tf.ones(rows, tf.bool))

    def input(self, name: str) -> Tensor:
        return self.columns[name]

    def vocabulary_ids(self, texts: Tensor, vocabulary: Sequence[str]) -> Tensor:
        if id(vocabulary) not in self.tables:
            # A table must have at least one key.
            keys = list(vocabulary) or [""]
            ids = np.arange(1, 1 + len(keys)) if vocabulary else np.zeros(1, "int64")
            with tf.init_scope():
                entries = tf.lookup.KeyValueTensorInitializer(
                    tf.constant(keys), tf.constant(ids)
                )
                self.tables[id(vocabulary)] = tf.lookup.StaticHashTable(entries, 0)
        return self.tables[id(vocabulary)].lookup(texts)

    def hash_ids(self, texts: Tensor, num_buckets: int) -> Tensor:
        hashes = mixed(siphash(texts))
        ids = tf.cast(hashes % tf.constant(num_buckets, tf.uint64), tf.int64) + 1
        return tf.where(self.is_present(texts), ids, 0)

    def join_columns(self, columns: Sequence[Tensor], separator: str) -> Tensor:
        return tf.strings.join(columns, separator)

    def all_present(self, columns: Sequence[Tensor]) -> Tensor:
        return reduce(tf.logical_and, map(self.is_present, columns))

    def where(self, condition: Tensor, x: Tensor, otherwise: float) -> Tensor:
        return tf.where(condition, x, tf.cast(otherwise, x.dtype))

    def split(self, texts: Tensor, separator: str) -> tuple[Tensor, Tensor]:
        parts = tf.strings.split(texts, separator)
        counts = tf.where(self.is_present(texts), parts.row_lengths(), 0)
        return parts.to_tensor(""), counts

    def numbers_in(self, texts: Tensor) -> Tensor:
        texts = tf.where(self.is_present(texts), texts, "nan")
        return tf.strings.to_number(texts, tf.float64)

    def bucket_ids(self, x: Tensor, cuts: Sequence[float]) -> Tensor:
        reached = tf.zeros_like(x, tf.int64)
        if cuts:
            reached = tf.searchsorted(doubles(cuts), x, "right", tf.int64)
        return tf.where(self.is_number(x), reached + 1, 0)

    def filled(self, x: Tensor, value: float) -> Tensor:
        return tf.where(self.is_number(x), x, doubles(value))

    def scaled(self, x: Tensor, shift: float, width: float) -> Tensor:
        return (x - doubles(shift)) / doubles(width)

    def signed_log1p(self, x: Tensor) -> Tensor:
        return tf.sign(x) * tf.math.log1p(tf.abs(x))

    def interpolated(
        self, x: Tensor, xs: Sequence[float], ys: Sequence[float]
    ) -> Tensor:
        # Below the first and above the last of xs, the slope is 0.
        xs, ys = [xs[0], *xs], [ys[0], *ys]
        start = tf.searchsorted(doubles(xs[1:]), x, "right")
        x0, y0 = tf.gather(doubles(xs), start), tf.gather(doubles(ys), start)
        return tf.gather(doubles(slopes(xs, ys)), start) * (x - x0) + y0

    def ramps(
        self, x: Tensor, starts: Sequence[float], widths: Sequence[float]
    ) -> Tensor:
        shares = (self.as_column(x) - doubles(starts)) / doubles(widths)
        return tf.clip_by_value(shares, doubles(0), doubles(1))

    def as_column(self, x: Tensor) -> Tensor:
        return tf.expand_dims(x, 1)

    def ones_like(self, texts: Tensor) -> Tensor:
        return tf.ones(tf.shape(texts), tf.float64)

    def is_present(self, texts: Tensor) -> Tensor:
        return texts != ""

    def aligned(self, numbers: Tensor, like: Tensor) -> Tensor:
        width = tf.shape(like)[1]
        padding = tf.fill(tf.shape(like), doubles(np.nan))
        return tf.concat([numbers, padding], axis=1)[:, :width]

    def last_values(
        self, is_present: Tensor, lists: Sequence[Tensor], max_length: int
    ) -> list[Tensor]:
        # Ragged tensors would do this in three lines, and take most of a request.
        counts = tf.cast(is_present, tf.int64)
        total = tf.reduce_sum(counts, axis=1, keepdims=True)
        position = tf.cumsum(counts, axis=1) - 1 - tf.maximum(total - max_length, 0)
        kept_cells = tf.where(is_present & (position >= 0))  # (values, 2) rows, columns
        rows = tf.gather(kept_cells, 0, axis=1)
        cells = tf.stack([rows, tf.gather_nd(position, kept_cells)], axis=1)
        shape = tf.stack([tf.shape(is_present, tf.int64)[0], max_length])
        return [tf.scatter_nd(cells, tf.gather_nd(x, kept_cells), shape) for x in lists]

    def shares(self, weights: Tensor) -> Tensor:
        total = tf.reduce_sum(weights, axis=1, keepdims=True)
        return weights / tf.where(total > 0, total, 1)

    def as_float32(self, x: Tensor) -> Tensor:
        return tf.cast(x, tf.float32)

    def concatenated(self, columns: Sequence[Tensor], dtype: str) -> Tensor:
        return tf.concat([tf.cast(x, dtype) for x in columns], axis=1)

    def is_number(self, x: Tensor) -> Tensor:
        return ~tf.math.is_nan(x)

    def is_within(self, x: Tensor, low: float, high: float) -> Tensor:
        # TensorFlow turns "not (x > y)" into "x <= y": that is false for NaN.
        return ((x >= doubles(low)) & (x <= doubles(high))) | tf.math.is_nan(x)

    def equal(self, x: Tensor, y: Tensor) -> Tensor:
        return tf.equal(x, y)

    def all_fit(self, is_present: Tensor, fits: Tensor) -> Tensor:
        return tf.reduce_all(fits | ~is_present, axis=1)


def doubles(values: float | Sequence[float]) -> Tensor:
    """Returns numbers as a float64 constant."""
    return tf.constant(values, tf.float64)


def siphash(texts: Tensor) -> Tensor:
    """Returns the 64 bits of SipHash-2-4 of each text as uint64.

    TensorFlow gives the hash h only modulo a number below 2^63. From h modulo 2^62 and
    h modulo 2^63 - 1 all of its bits follow: h is r + q (2^63 - 1), and so h modulo
    2^62 is r - q.
    """
    low, high = 2**62, 2**63 - 1
    hashed = tf.strings.to_hash_bucket_strong
    low_bits = tf.cast(hashed(texts, low, SIPHASH_KEY), tf.uint64)
    remainder = tf.cast(hashed(texts, high, SIPHASH_KEY), tf.uint64)
    mask = tf.constant(low - 1, tf.uint64)
    quotient = tf.bitwise.bitwise_and(remainder - low_bits, mask)  # 0, 1 or 2
    return remainder + quotient * tf.constant(high, tf.uint64)


def mixed(hashes: Tensor) -> Tensor:
    """Returns uint64 hashes after the mixing of `pandas.util.hash_array`."""
    for shift, factor in MIXING:
        hashes = xor_shifted(hashes, shift) * tf.constant(factor, tf.uint64)
    return xor_shifted(hashes, LAST_SHIFT)


def xor_shifted(x: Tensor, shift: int) -> Tensor:
    """Returns x ^ (x >> shift)."""
    shifted = tf.bitwise.right_shift(x, tf.constant(shift, tf.uint64))
    return tf.bitwise.bitwise_xor(x, shifted)
