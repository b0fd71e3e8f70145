"""The hash in TensorFlow gives the buckets of pandas' hash."""

import random

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from mtl_cli.graphs.tensorflow import TensorFlowOps, hash_texts


def texts() -> list[str]:
    """Texts of all lengths modulo the 8 bytes of a block, of any characters."""
    draw = random.Random(0)
    letters = "abc 019äß漢😀\0\x1f\n"
    lengths = [*range(20), *(draw.randint(0, 300) for _ in range(5000))]
    return ["".join(draw.choices(letters, k=length)) for length in lengths]


def test_all_64_bits_of_the_hash_are_those_of_pandas() -> None:
    values = texts()
    expected = pd.util.hash_array(np.array(values, dtype=object), categorize=False)
    np.testing.assert_array_equal(hash_texts(values).numpy(), expected)


@pytest.mark.parametrize("num_buckets", [2, 1000, 2**31 - 1])
def test_empty_text_has_id_0_and_others_their_bucket(num_buckets: int) -> None:
    values = ["", *filter(None, texts())]
    hashes = pd.util.hash_array(np.array(values, dtype=object), categorize=False)
    expected = (hashes % num_buckets).astype("int64") + 1
    expected[0] = 0
    ids = TensorFlowOps({}, {}, {}).hash_ids(tf.constant(values), num_buckets)
    np.testing.assert_array_equal(ids.numpy(), expected)
