"""The hash of hashed features in TensorFlow: `pandas.util.hash_array`."""

import tensorflow as tf

from mtl_cli.core.tensors import Tensor

# pandas computes SipHash-2-4 with the key "0123456789123456", here as two integers, and
# then applies the mixing steps of splitmix64.
SIPHASH_KEY = [0x3736353433323130, 0x3635343332313938]
# Each mixing step is (shift, factor): h = (h ^ (h >> shift)) * factor.
MIXING = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
LAST_SHIFT = 31


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
