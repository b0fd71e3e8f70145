"""The operations of `GraphOps` in TensorFlow, and the hash of hashed features."""

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from mtl_cli.core.tensors import Tensor
from mtl_cli.graphs.base import GraphOps, InputKind, segments

# Hashed features use `pandas.util.hash_array`. The function computes SipHash-2-4 with
# the key "0123456789123456", here as two integers, and then applies the mixing steps of
# splitmix64.
SIPHASH_KEY = [0x3736353433323130, 0x3635343332313938]
# Each mixing step is (shift, factor): h = (h ^ (h >> shift)) * factor.
MIXING = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
LAST_SHIFT = 31

# {`id` of a vocabulary: the table from its texts to their ids}
Tables = dict[int, tf.lookup.StaticHashTable]


class TensorFlowOps(GraphOps):
    """Operations in a TensorFlow function whose arguments are raw columns.

    Args:
        columns: {column: the argument with its cells}.
        input_kinds: {column: the kind of the argument}.
        tables: the dict to which the tables of vocabularies are added. The caller must
            keep the dict as long as the function: TensorFlow frees a table that no
            Python object refers to.
    """

    format_name = "TensorFlow"

    def __init__(
        self,
        columns: Mapping[str, Tensor],
        input_kinds: Mapping[str, InputKind],
        tables: Tables,
    ) -> None:
        super().__init__(input_kinds)
        self.columns = columns
        self.tables = tables

    def input_tensor(self, column: str) -> Tensor:
        return self.columns[column]

    def repeat_row(self, row: npt.NDArray[Any]) -> Tensor:
        num_rows = tf.shape(next(iter(self.columns.values())))[:1]
        repeats = tf.concat([num_rows, [1] * (row.ndim - 1)], axis=0)
        return tf.tile(tf.constant(row), repeats)

    def vocabulary_ids(self, texts: Tensor, vocabulary: Sequence[str]) -> Tensor:
        if id(vocabulary) not in self.tables:
            # A table needs at least one key. For an empty vocabulary the key is "",
            # with the id 0 that a missing key has too.
            keys = list(vocabulary) or [""]
            ids = np.arange(1, 1 + len(keys)) if vocabulary else np.zeros(1, "int64")
            with tf.init_scope():  # makes the table outside of the traced function
                entries = tf.lookup.KeyValueTensorInitializer(
                    tf.constant(keys), tf.constant(ids)
                )
                self.tables[id(vocabulary)] = tf.lookup.StaticHashTable(entries, 0)
        return self.tables[id(vocabulary)].lookup(texts)

    def hash_ids(self, texts: Tensor, num_buckets: int) -> Tensor:
        hashes = mix(siphash(texts))
        ids = tf.cast(hashes % tf.constant(num_buckets, tf.uint64), tf.int64) + 1
        return tf.where(self.is_present(texts), ids, 0)

    def join_columns(self, columns: Sequence[Tensor], separator: str) -> Tensor:
        return tf.strings.join(columns, separator)

    def all_true(self, conditions: Sequence[Tensor]) -> Tensor:
        return reduce(tf.logical_and, conditions)

    def where(self, condition: Tensor, values: Tensor, otherwise: float) -> Tensor:
        return tf.where(condition, values, tf.constant(otherwise, values.dtype))

    def split(self, texts: Tensor, separator: str) -> tuple[Tensor, Tensor]:
        parts = tf.strings.split(texts, separator)
        counts = tf.where(self.is_present(texts), parts.row_lengths(), 0)
        return parts.to_tensor(""), counts

    def parse_numbers(self, texts: Tensor) -> Tensor:
        texts = tf.where(self.is_present(texts), texts, "nan")
        return tf.strings.to_number(texts, tf.float64)

    def bucket_ids(self, numbers: Tensor, cuts: Sequence[float]) -> Tensor:
        counts = tf.zeros_like(numbers, tf.int64)
        if cuts:
            counts = tf.searchsorted(doubles(cuts), numbers, "right", tf.int64)
        return tf.where(self.is_number(numbers), counts + 1, 0)

    def scale(self, x: Tensor, shift: float, width: float) -> Tensor:
        return (x - doubles(shift)) / doubles(width)

    def signed_log1p(self, x: Tensor) -> Tensor:
        return tf.sign(x) * tf.math.log1p(tf.abs(x))

    def interpolate(
        self, x: Tensor, xs: Sequence[float], ys: Sequence[float]
    ) -> Tensor:
        line = tf.searchsorted(doubles(xs), x, "right")
        x0, y0, slope = (tf.gather(doubles(v), line) for v in segments(xs, ys))
        return slope * (x - x0) + y0

    def ramps(
        self, x: Tensor, starts: Sequence[float], widths: Sequence[float]
    ) -> Tensor:
        fractions = (self.to_matrix(x) - doubles(starts)) / doubles(widths)
        return tf.clip_by_value(fractions, doubles(0), doubles(1))

    def to_matrix(self, values: Tensor) -> Tensor:
        return tf.expand_dims(values, 1)

    def ones_like(self, texts: Tensor) -> Tensor:
        return tf.ones(tf.shape(texts), tf.float64)

    def is_present(self, texts: Tensor) -> Tensor:
        return texts != ""

    def match_width(self, numbers: Tensor, texts: Tensor) -> Tensor:
        width = tf.shape(texts)[1]
        padding = tf.fill(tf.shape(texts), doubles(np.nan))
        return tf.concat([numbers, padding], axis=1)[:, :width]

    def last_values(
        self, is_present: Tensor, lists: Sequence[Tensor], max_length: int
    ) -> list[Tensor]:
        # Ragged tensors would need three lines here, but they would take most of the
        # time of a request.
        one_if_present = tf.cast(is_present, tf.int64)
        num_present = tf.reduce_sum(one_if_present, axis=1, keepdims=True)
        num_dropped = tf.maximum(num_present - max_length, 0)
        # The column of each present cell in the result; negative for a dropped cell.
        new_column = tf.cumsum(one_if_present, axis=1) - 1 - num_dropped
        old_cells = tf.where(is_present & (new_column >= 0))  # (values, 2): row, column
        rows = tf.gather(old_cells, 0, axis=1)
        new_cells = tf.stack([rows, tf.gather_nd(new_column, old_cells)], axis=1)
        shape = tf.stack([tf.shape(is_present, tf.int64)[0], max_length])
        return [
            tf.scatter_nd(new_cells, tf.gather_nd(values, old_cells), shape)
            for values in lists
        ]

    def normalize(self, weights: Tensor) -> Tensor:
        total = tf.reduce_sum(weights, axis=1, keepdims=True)
        return weights / tf.where(total > 0, total, 1)

    def cast(self, values: Tensor, dtype: str) -> Tensor:
        return tf.cast(values, dtype)

    def concatenate(self, matrices: Sequence[Tensor], dtype: str) -> Tensor:
        return tf.concat([tf.cast(matrix, dtype) for matrix in matrices], axis=1)

    def is_number(self, numbers: Tensor) -> Tensor:
        return ~tf.math.is_nan(numbers)

    def is_within(self, numbers: Tensor, low: float, high: float) -> Tensor:
        # "not (x > high)" should be true for NaN. But TensorFlow rewrites the test to
        # "x <= high", and "x <= high" is false for NaN.
        is_between = (numbers >= doubles(low)) & (numbers <= doubles(high))
        return is_between | tf.math.is_nan(numbers)

    def is_equal(self, counts: Tensor, other_counts: Tensor) -> Tensor:
        return tf.equal(counts, other_counts)

    def all_present_satisfy(self, is_present: Tensor, condition: Tensor) -> Tensor:
        return tf.reduce_all(condition | ~is_present, axis=1)


def doubles(values: float | Sequence[float]) -> Tensor:
    """Returns numbers as a float64 constant."""
    return tf.constant(values, tf.float64)


def siphash(texts: Tensor) -> Tensor:
    """Returns the SipHash-2-4 of each text as uint64.

    TensorFlow returns a hash h only modulo a number below 2^63. From the two remainders
    a = h mod 2^62 and b = h mod (2^63 - 1), all 64 bits of h follow: h = b + q (2^63 -
    1) with a quotient q of 0, 1 or 2. Modulo 2^62, 2^63 - 1 is -1, so a = b - q and
    q = b - a.
    """
    low, high = 2**62, 2**63 - 1
    hash_modulo = tf.strings.to_hash_bucket_strong
    a = tf.cast(hash_modulo(texts, low, SIPHASH_KEY), tf.uint64)
    b = tf.cast(hash_modulo(texts, high, SIPHASH_KEY), tf.uint64)
    # The lowest 62 bits of a number are the number modulo 2^62.
    quotient = tf.bitwise.bitwise_and(b - a, tf.constant(low - 1, tf.uint64))
    return b + quotient * tf.constant(high, tf.uint64)


def mix(hashes: Tensor) -> Tensor:
    """Applies the mixing steps of `pandas.util.hash_array` to uint64 hashes."""
    for shift, factor in MIXING:
        hashes = xor_with_shifted(hashes, shift) * tf.constant(factor, tf.uint64)
    return xor_with_shifted(hashes, LAST_SHIFT)


def xor_with_shifted(hashes: Tensor, shift: int) -> Tensor:
    """Returns h ^ (h >> shift) for each hash h."""
    shifted = tf.bitwise.right_shift(hashes, tf.constant(shift, tf.uint64))
    return tf.bitwise.bitwise_xor(hashes, shifted)
