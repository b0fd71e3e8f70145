import signal
import sys
from contextlib import ExitStack

import pytest

from mtl_cli.distributed import child_processes
from mtl_cli.distributed.child_processes import exit_reason, start_child

PRINT_MORE_THAN_A_PIPE_HOLDS = """
import os, sys
sys.stderr.write("x" * 1_000_000 + "\\nlost " + os.environ["PLACE"] + "\\n")
sys.exit(3)
"""


@pytest.fixture
def started():
    """Returns a function that starts a child. The child's file is closed at the end."""
    with ExitStack() as files:

        def start(program, variables=None):
            child = start_child([sys.executable, "-c", program], variables or {})
            files.enter_context(child.stderr)
            return child

        yield start


def test_a_child_that_prints_much_ends_and_its_last_line_is_the_reason(started):
    child = started(PRINT_MORE_THAN_A_PIPE_HOLDS, {"PLACE": "here"})
    assert child.process.wait(timeout=60) == 3
    assert exit_reason([child]) == " (lost here)"
    assert exit_reason([child]) == " (lost here)"


def test_a_child_that_failed_gives_the_reason_before_one_that_succeeded(started):
    children = [started(f"raise SystemExit({code})") for code in (0, 4)]
    for child in children:
        child.process.wait(timeout=60)
    assert exit_reason(children) == " (exit code 4)"
    assert exit_reason(children[:1]) == " (exit code 0)"


def test_a_child_that_runs_gives_no_reason(started):
    child = started("import time; time.sleep(60)")
    try:
        assert exit_reason([child]) == ""
    finally:
        child.process.kill()
        child.process.wait(timeout=60)


@pytest.mark.parametrize("error", [OSError(), KeyboardInterrupt()])
def test_children_end_if_another_child_is_not_started(
    error, started, tmp_path, monkeypatch
):
    children = []

    def start_first_child(*_):
        if children:
            raise error
        children.append(started("import time; time.sleep(60)"))
        return children[0]

    monkeypatch.setattr(child_processes, "start_child", start_first_child)
    with pytest.raises(type(error)):
        child_processes.start_children(tmp_path, 3)
    assert children[0].process.wait(timeout=60) == -signal.SIGTERM
