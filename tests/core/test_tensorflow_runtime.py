"""TensorFlow starts without its messages."""

import contextlib
import os
import subprocess
import sys

import pytest

from mtl_cli.core import tensorflow_runtime
from mtl_cli.core.errors import MtlError
from mtl_cli.core.tensorflow_runtime import ignore_tools_of_start_folder, quiet_stderr


def test_text_of_libraries_is_dropped_until_the_block_ends(capfd):
    with quiet_stderr():
        os.write(2, b"noise")
    os.write(2, b"text")
    assert capfd.readouterr().err == "text"


@pytest.mark.parametrize("error", [ImportError, SystemError, ModuleNotFoundError])
def test_failed_import_is_told_in_one_line(error, monkeypatch):
    @contextlib.contextmanager
    def failing_import():
        raise error("no\nmemory")
        yield

    monkeypatch.setattr(tensorflow_runtime, "quiet_stderr", failing_import)
    with pytest.raises(MtlError) as failed:
        tensorflow_runtime.load()
    assert str(failed.value).startswith(
        f"TensorFlow cannot be loaded: {error.__name__}: no"
    )
    assert "\n" not in str(failed.value)


def test_described_cores_and_threads_are_those_that_tensorflow_may_use(monkeypatch):
    allowed = os.sched_getaffinity(0)
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "3")
    os.sched_setaffinity(0, {min(allowed)})
    try:
        described = tensorflow_runtime.describe()
    finally:
        os.sched_setaffinity(0, allowed)
    assert (described["cores"], described["intra_op_threads"]) == (1, 3)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (None, "--xla_gpu_cuda_data_dir=/dev/null"),
        ("--xla_dump_to=x", "--xla_dump_to=x --xla_gpu_cuda_data_dir=/dev/null"),
        ("--xla_gpu_cuda_data_dir=/cuda", "--xla_gpu_cuda_data_dir=/cuda"),
        ("flags.txt", "flags.txt"),
    ],
)
def test_xla_runs_no_compiler_of_the_start_folder(flags, expected, monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", flags or "")
    if flags is None:
        monkeypatch.delenv("XLA_FLAGS")
    ignore_tools_of_start_folder()
    assert os.environ["XLA_FLAGS"] == expected


LOAD = """
from mtl_cli.core import tensorflow_runtime
from mtl_cli.core.errors import ConfigError
try:
    tensorflow_runtime.load()
except ConfigError as error:
    raise SystemExit(str(error))
import keras
print(keras.config.floatx(), keras.config.epsilon(), keras.config.dtype_policy().name)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"floatx": "float16", "epsilon": 0.5}', "float32 1e-07 float32\n"),
        (
            '{"floatx": "bfloat16"}',
            "TensorFlow cannot be loaded: ValueError: Invalid `floatx` conf",
        ),
        ("[1]", "TensorFlow cannot be loaded: AttributeError: 'list' object has"),
    ],
)
def test_settings_of_keras_change_no_numbers(text, expected, tmp_path):
    file = tmp_path / "keras.json"
    file.write_text(text)
    ended = subprocess.run(
        [sys.executable, "-c", LOAD],
        env=os.environ | {"KERAS_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert (ended.stdout or ended.stderr).startswith(expected)
    assert ended.stdout or "keras.json" in ended.stderr.splitlines()[-1]
    assert file.read_text() == text
