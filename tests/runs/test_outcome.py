"""The message about the error that ended a run."""

import tensorflow as tf

from mtl_cli.runs.outcome import failure_message


def test_message_without_memory_names_the_tensor_and_what_to_make_smaller() -> None:
    text = (
        "Graph execution error:\n\nDetected at node MatMul defined at ...\n"
        "OOM when allocating tensor with shape[1600,300000] and type float\n"
        "\t [[{{node MatMul}}]]\nHint: ..."
    )
    error = tf.errors.ResourceExhaustedError(None, None, text)
    assert failure_message(error) == (
        "OOM when allocating tensor with shape[1600,300000] and type float; choose a "
        "smaller model or, if a training step needed the memory, a smaller "
        "trainer.batch_size"
    )
