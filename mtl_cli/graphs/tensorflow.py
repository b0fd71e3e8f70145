"""The operations of `GraphOps` in TensorFlow."""

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from mtl_cli.core.tensors import Tensor
from mtl_cli.graphs.base import GraphOps, InputKind, segments

# {`id(vocabulary)`: the table from the vocabulary's texts to their ids}. A vocabulary
# must exist as long as the dict: Python may give the `id` of a deleted object to a new
# object.
Tables = dict[int, tf.lookup.StaticHashTable]
# pandas computes SipHash-2-4 with the key "0123456789123456", here as two integers, and
# then applies the mixing steps of splitmix64.
SIPHASH_KEY = [0x3736353433323130, 0x3635343332313938]
# Each mixing step is (shift, factor): h = (h ^ (h >> shift)) * factor.
MIXING = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
LAST_SHIFT = 31


class TensorFlowOps(GraphOps):
    """Operations in a TensorFlow function whose arguments are raw columns.

    `GraphOps` describes the methods.

    Args:
        columns: {column: the argument with its cells}.
        input_kinds: {column: the kind of the argument}.
        tables: the dict to which the tables of vocabularies are added. The caller must
            keep the dict as long as the function: TensorFlow frees a table that no
            Python object refers to.
    """

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
        any_column, *_ = self.columns.values()
        num_rows = tf.shape(any_column)[:1]
        repeats = tf.concat([num_rows, [1] * (row.ndim - 1)], axis=0)
        return tf.tile(tf.constant(row), repeats)

    def vocabulary_ids(self, texts: Tensor, vocabulary: Sequence[str]) -> Tensor:
        if not vocabulary:  # a table needs at least one key
            return tf.zeros_like(texts, tf.int64)
        if id(vocabulary) not in self.tables:
            ids = np.arange(1, 1 + len(vocabulary))
            with tf.init_scope():  # makes the table outside of the traced function
                entries = tf.lookup.KeyValueTensorInitializer(
                    tf.constant(list(vocabulary)), tf.constant(ids)
                )
                self.tables[id(vocabulary)] = tf.lookup.StaticHashTable(entries, 0)
        return self.tables[id(vocabulary)].lookup(texts)

    def hash_ids(self, texts: Tensor, num_buckets: int) -> Tensor:
        buckets = hash_texts(texts) % tf.constant(num_buckets, tf.uint64)
        ids = tf.cast(buckets, tf.int64) + 1
        return tf.where(self.is_present(texts), ids, 0)

    def join_columns(self, columns: Sequence[Tensor], separator: str) -> Tensor:
        return tf.strings.join(columns, separator)

    def all_true(self, conditions: Sequence[Tensor]) -> Tensor:
        return reduce(tf.logical_and, conditions)

    def where(
        self, condition: Tensor, values: Tensor, otherwise: float | Sequence[float]
    ) -> Tensor:
        return tf.where(condition, values, tf.constant(otherwise, values.dtype))

    def split(self, texts: Tensor, separator: str) -> tuple[Tensor, Tensor]:
        parts = tf.strings.split(texts, separator)
        counts = tf.where(self.is_present(texts), parts.row_lengths(), 0)
        return parts.to_tensor(""), counts

    def split_item(self, texts: Tensor, separator: str, index: int) -> Tensor:
        parts = tf.strings.split(texts, separator)
        return parts.to_tensor("", shape=[None, index + 1])[:, index]

    def matches(self, texts: Tensor, pattern: str) -> Tensor:
        return tf.strings.regex_full_match(texts, pattern)

    def parse_numbers(self, texts: Tensor) -> Tensor:
        # The whole call would fail if TensorFlow got a text that is no number.
        texts = tf.where(self.matches(texts, self.numeral), texts, "nan")
        texts = tf.where(self.matches(texts, r"\s*true\s*"), "1", texts)
        texts = tf.where(self.matches(texts, r"\s*false\s*"), "0", texts)
        return tf.strings.to_number(texts, tf.float64)

    def bucket_ids(self, numbers: Tensor, cuts: Sequence[float]) -> Tensor:
        counts = tf.zeros_like(numbers, tf.int64)
        if cuts:
            counts = tf.searchsorted(doubles(cuts), numbers, "right", tf.int64)
        return tf.where(self.is_number(numbers), counts + 1, 0)

    def scale(
        self, x: Tensor, shift: float | Sequence[float], width: float | Sequence[float]
    ) -> Tensor:
        return (x - doubles(shift)) / doubles(width)

    def floor_divide(self, numbers: Tensor, divisor: int) -> Tensor:
        return tf.math.floordiv(numbers, doubles(divisor))

    def weighted_sum(
        self, terms: Sequence[tuple[Tensor, float]], shift: float = 0
    ) -> Tensor:
        return doubles(shift) + sum(doubles(weight) * x for x, weight in terms)

    def signed_log1p(self, x: Tensor) -> Tensor:
        return tf.sign(x) * tf.math.log1p(tf.abs(x))

    def interpolate(
        self, x: Tensor, xs: Sequence[float], ys: Sequence[float]
    ) -> Tensor:
        segment = tf.searchsorted(doubles(xs), x, "right")
        x0, y0, slope = (tf.gather(doubles(v), segment) for v in segments(xs, ys))
        return slope * (x - x0) + y0

    def ramps(
        self, x: Tensor, starts: Sequence[float], widths: Sequence[float]
    ) -> Tensor:
        fractions = (self.to_matrix(x) - doubles(starts)) / doubles(widths)
        return tf.clip_by_value(fractions, doubles(0), doubles(1))

    def to_matrix(self, values: Tensor) -> Tensor:
        return tf.expand_dims(values, 1)

    def is_present(self, texts: Tensor) -> Tensor:
        return texts != ""

    def match_width(self, numbers: Tensor, texts: Tensor) -> Tensor:
        width = tf.shape(texts)[1]
        padding = tf.fill(tf.shape(texts), doubles(np.nan))
        return tf.concat([numbers, padding], axis=1)[:, :width]

    def last_values(
        self, is_present: Tensor, lists: Sequence[Tensor], max_length: int
    ) -> list[Tensor]:
        # Ragged tensors would make this method shorter, but so slow that it would take
        # most of the time of a request.
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

    def cast(self, values: Tensor, dtype: str) -> Tensor:
        return tf.cast(values, dtype)

    def concatenate(self, matrices: Sequence[Tensor], dtype: str) -> Tensor:
        return tf.concat([tf.cast(matrix, dtype) for matrix in matrices], axis=1)

    def is_number(self, numbers: Tensor) -> Tensor:
        return ~tf.math.is_nan(numbers)

    def is_within(self, numbers: Tensor, low: float, high: float) -> Tensor:
        # An empty cell is NaN and counts as within. The test "not (x > high)" is true
        # for NaN, but TensorFlow rewrites the test to "x <= high": false for NaN.
        is_between = (numbers >= doubles(low)) & (numbers <= doubles(high))
        return is_between | tf.math.is_nan(numbers)

    def is_equal(self, counts: Tensor, other_counts: Tensor) -> Tensor:
        return tf.equal(counts, other_counts)

    def count_true(self, conditions: Tensor) -> Tensor:
        return tf.reduce_sum(tf.cast(conditions, tf.int64), axis=1)

    def all_present_satisfy(self, is_present: Tensor, condition: Tensor) -> Tensor:
        return tf.reduce_all(condition | ~is_present, axis=1)


def doubles(values: float | Sequence[float]) -> Tensor:
    """Returns numbers as a float64 constant."""
    return tf.constant(values, tf.float64)


def hash_texts(texts: Tensor) -> Tensor:
    """Returns the hash of each text by `pandas.util.hash_array`, as uint64."""
    hashes = siphash(texts)
    for shift, factor in MIXING:
        hashes = xor_with_shifted(hashes, shift) * tf.constant(factor, tf.uint64)
    return xor_with_shifted(hashes, LAST_SHIFT)


def siphash(texts: Tensor) -> Tensor:
    """Returns the SipHash-2-4 of each text as uint64.

    TensorFlow returns a hash h only modulo a number below 2^63. All 64 bits of h follow
    from the two remainders a = h mod 2^62 and b = h mod (2^63 - 1), since

        h = b + q (2^63 - 1)      with a quotient q of 0, 1 or 2
        a = b - q  (mod 2^62)     as 2^63 - 1 and -1 have the same remainder
        q = (b - a) mod 2^62
    """
    modulus_a, modulus_b = 2**62, 2**63 - 1
    hash_modulo = tf.strings.to_hash_bucket_strong
    a = tf.cast(hash_modulo(texts, modulus_a, SIPHASH_KEY), tf.uint64)
    b = tf.cast(hash_modulo(texts, modulus_b, SIPHASH_KEY), tf.uint64)
    # The lowest 62 bits of a number are the number modulo 2^62.
    quotient = tf.bitwise.bitwise_and(b - a, tf.constant(modulus_a - 1, tf.uint64))
    return b + quotient * tf.constant(modulus_b, tf.uint64)


def xor_with_shifted(hashes: Tensor, shift: int) -> Tensor:
    """Returns h ^ (h >> shift) for each hash h."""
    shifted = tf.bitwise.right_shift(hashes, tf.constant(shift, tf.uint64))
    return tf.bitwise.bitwise_xor(hashes, shifted)
