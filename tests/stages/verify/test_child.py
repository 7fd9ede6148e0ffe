"""A process that answers: whatever happens to a question, the next one gets its own answer."""

import os
import signal
import threading
import time

import pytest

from stages.shared.checks.child import Child

ECHO = """
import os, time
from stages.shared.checks.child import serve

def answering():
    print("a library greets")
    def answer(asked):
        if asked == "write":
            os.write(1, b"no line: ")
        if asked == "fail":
            raise ValueError
        if asked == "die":
            os._exit(3)
        time.sleep(asked if isinstance(asked, float) else 0)
        return asked
    return answer

if __name__ == "__main__":
    serve(answering)
"""


@pytest.fixture
def child(tmp_path, monkeypatch):
    (tmp_path / "echo_child.py").write_text(ECHO)
    monkeypatch.syspath_prepend(tmp_path)
    made = Child("echo_child")
    yield made
    if made._process is not None:
        made._end(made._process)


def test_what_is_printed_is_no_answer(child):
    assert [child.ask(n, 20) for n in ("a", "write", "b")] == ["a", "write", "b"]


def test_a_failure_is_none_and_the_process_goes_on(child):
    child.ask("a", 20)
    first = child._process.pid
    assert child.ask("fail", 20) is None
    assert child.ask("b", 20) == "b"
    assert child._process.pid == first or child.ask("c", 20) == "c"


def test_one_that_dies_or_takes_too_long_is_started_again(child):
    assert child.ask("die", 20) is None
    assert child.ask("a", 20) == "a"
    began = time.monotonic()
    assert child.ask(60.0, 0.3) is None
    assert time.monotonic() - began < 20
    assert child.ask("b", 20) == "b"


def test_an_interrupted_question_shifts_no_answer(child):
    child.ask("a", 20)
    # As the program has it; libraries that other tests import set handlers of their own.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            child.ask(5.0, 20)
    finally:
        signal.signal(signal.SIGINT, before)
    assert [child.ask(n, 20) for n in (1, 2)] == [1, 2]


def test_many_threads_get_their_own_answers(child):
    found = {}
    ask = lambda n: found.update({n: child.ask(n, 20)})  # noqa: E731
    threads = [threading.Thread(target=ask, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {n: n for n in range(20)}


def test_a_module_of_the_folder_is_not_taken(child, tmp_path, monkeypatch):
    other = tmp_path / "other"
    (other / "stages").mkdir(parents=True)
    (other / "stages" / "__init__.py").write_text("raise SystemExit")
    monkeypatch.chdir(other)
    assert child.ask("a", 20) == "a"


def test_one_that_does_not_start(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "silent_child.py").write_text("")
    with pytest.raises(RuntimeError, match="did not start"):
        Child("silent_child").ask("?", 1.0)
