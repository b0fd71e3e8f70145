"""Private parts of Python, OmegaConf, Keras and TensorFlow that mtl-cli relies on."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import keras
import pytest

from mtl_cli.core.private_apis import (
    TooManyWeightsError,
    bounded_weights,
    unallocated_variables,
)

HIDDEN = ["sklearn", "matplotlib"]


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("thread", ["", "daemon=True", "daemon=False"])
def test_exit_runs_what_is_registered_flushes_and_keeps_the_code(thread: str) -> None:
    code = (
        "import atexit, sys, threading, time\n"
        "from mtl_cli.core.private_apis import exit_without_teardown\n"
        "atexit.register(lambda: sys.stdout.write('registered'))\n"
        "def work(): time.sleep(0.2); sys.stderr.write('waited for')\n"
    )
    if thread:
        code += f"threading.Thread(target=work, {thread}).start()\n"
    ended = run_python(f"{code}exit_without_teardown(3)")
    waited = "waited for" if thread == "daemon=False" else ""
    assert (ended.returncode, ended.stdout, ended.stderr) == (3, "registered", waited)


@pytest.mark.slow
def test_keras_imports_what_is_hidden_from_it_only_if_it_is_not_hidden() -> None:
    # If Keras no longer imports these modules, `hidden_modules` can go.
    says = f"print([name for name in {HIDDEN} if name in sys.modules])"
    plain = run_python(f"import sys, keras; {says}")
    hidden = run_python(
        f"import sys; from mtl_cli.core.tensorflow_runtime import load; load(); {says}"
    )
    assert plain.stdout.strip() == f"{HIDDEN}", plain.stderr
    assert hidden.stdout.strip() == "[]", hidden.stderr


def test_hidden_modules_can_be_imported_again() -> None:
    code = (
        "from mtl_cli.core.tensorflow_runtime import hidden_modules\n"
        "with hidden_modules('colorsys'):\n"
        "    try: import colorsys\n"
        "    except ImportError: print('hidden')\n"
        "import colorsys; print(colorsys.rgb_to_hsv(0, 0, 0))"
    )
    assert run_python(code).stdout.split("\n")[:2] == ["hidden", "(0.0, 0.0, 0)"]


def test_weights_of_a_huge_network_are_counted_without_memory() -> None:
    def parameters(units: int) -> int:
        inputs = keras.Input((units,))
        outputs = keras.layers.Dense(units)(inputs)
        return int(keras.Model(inputs, outputs).count_params())

    with unallocated_variables():
        assert parameters(1 << 20) == (1 << 40) + (1 << 20)  # 4 TB
    assert parameters(2) == 6

    def add_weights(max_weights: float, max_variables: float) -> None:
        with bounded_weights(max_weights, max_variables):
            parameters(2)

    add_weights(max_weights=6, max_variables=2)
    for limits in ((5, 2), (6, 1)):
        with pytest.raises(TooManyWeightsError):
            add_weights(*limits)
        with unallocated_variables(), pytest.raises(TooManyWeightsError):
            add_weights(*limits)
    assert parameters(2) == 6  # the limit ends with the block
    with keras.StatelessScope():
        pass  # its end allocates what other such scopes have left


def test_layers_of_other_threads_have_no_limit() -> None:
    with ThreadPoolExecutor(1) as executor, bounded_weights(0):
        executor.submit(keras.layers.Dense(4).build, (None, 3)).result()
        with pytest.raises(TooManyWeightsError):
            keras.layers.Dense(4).build((None, 3))
