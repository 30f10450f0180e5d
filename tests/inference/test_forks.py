"""A process that forks while its threads predict, as servers and workers do."""

import os
import threading
import time
from pathlib import Path

import pytest

from newsdesk.inference.scorer import Scorer
from tests.inference.articles import ARABIC

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork"),
    pytest.mark.filterwarnings("ignore:This process:DeprecationWarning"),  # Python 3.12 warns of threads
]
N_FORKS = 16
PATIENCE = 60  # seconds


def exit_code(child: int) -> int | None:
    """The exit code of a child, None if it hangs."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return None


def fork_and_predict(scorer: Scorer, expected: object) -> int | None:
    """Predict in a child; its exit code is 0 if it predicts as expected."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if scorer.predict(["أ"], [ARABIC]) == expected else 2
        finally:
            os._exit(code)
    return exit_code(child)


def test_children_of_a_busy_process_predict(tiny_model: Path) -> None:
    scorer = Scorer.load(tiny_model)
    expected = scorer.predict(["أ"], [ARABIC])
    scorer.warm_up()
    done = threading.Event()

    def predict() -> None:
        while not done.is_set():
            scorer.predict([""] * 200, [f"{ARABIC} {i}" for i in range(200)])

    threads = [threading.Thread(target=predict) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        assert [fork_and_predict(scorer, expected) for _ in range(N_FORKS)] == [0] * N_FORKS
    finally:
        done.set()
        for thread in threads:
            thread.join()


def test_a_child_of_a_process_that_compiles_predicts(tiny_model: Path) -> None:
    """Right after loading: the thread that loads the compiled implementation is not there in the child."""
    scorer = Scorer.load(tiny_model)
    expected = scorer.predict(["أ"], [ARABIC])
    scorer.compile_from = 2
    scorer.predict(["أ"], [ARABIC])
    assert fork_and_predict(scorer, expected) == 0
    assert scorer.predict(["أ"], [ARABIC]) == expected
