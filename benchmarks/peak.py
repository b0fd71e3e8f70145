"""Measures the peak of the machine: the speed of a large float32 matrix product."""

import json
import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

SIZE = 4096  # rows and columns of each matrix
REPEATS = 10


def main() -> None:
    """Prints GFLOP/s: the median of several products, after one product to warm up."""
    import tensorflow as tf

    a, b = tf.random.normal((SIZE, SIZE)), tf.random.normal((SIZE, SIZE))
    product = tf.function(lambda: tf.reduce_sum(tf.matmul(a, b)))
    product().numpy()
    rates = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        product().numpy()
        rates.append(2 * SIZE**3 / (time.perf_counter() - start) / 1e9)
    print(json.dumps({"gflops": statistics.median(rates), "all": rates}))


if __name__ == "__main__":
    main()
