"""Asked to stop: kept in mind whatever becomes of it on its way, and raised where that does no harm."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

import pytest

from propensity.stopping import Stopped, asked, heed, stoppable


def ask(by: signal.Signals = signal.SIGINT) -> None:
    signal.raise_signal(by)


@pytest.mark.parametrize(("by", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_whatever_a_library_makes_of_it_it_is_a_stop(by, code, capsys):
    with pytest.raises(SystemExit) as ended, stoppable():
        try:
            ask(by)
        except KeyboardInterrupt:
            raise RuntimeError("Query interrupted") from None
    assert ended.value.code == code
    assert capsys.readouterr().err == "propensity: stopped\n"


def test_what_was_swallowed_is_a_stop_at_the_end_and_wherever_it_is_heeded():
    with pytest.raises(SystemExit) as ended, stoppable():
        try:
            ask()
        except KeyboardInterrupt:
            with pytest.raises(Stopped, match="stopped by SIGINT"):
                heed()
    assert ended.value.code == 130


def test_other_failures_pass_and_signals_mean_afterwards_what_they_meant_before():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)]
    hook = sys.unraisablehook
    with pytest.raises(ZeroDivisionError), stoppable():
        _ = 1 / 0
    with pytest.raises(SystemExit), stoppable():
        ask()
    assert before == [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)]
    assert sys.unraisablehook is hook
    assert asked() is None
    heed()


def test_what_nohup_ignores_stays_ignored():
    former = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stoppable():
            ask()
            assert asked() is None
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, former)


def test_a_stop_that_falls_into_a_finaliser_is_raised_a_little_later():
    class Ends:
        def __del__(self) -> None:
            ask()

    with pytest.raises(SystemExit) as ended, stoppable():
        Ends()
        time.sleep(10)
        pytest.fail("slept on")
    assert ended.value.code == 130


def test_a_stop_does_not_break_into_the_machinery_of_imports():
    done: list[int] = []
    importing = compile("ask(2); done.append(1)", "<frozen importlib._bootstrap>", "exec")
    with pytest.raises(SystemExit), stoppable():
        exec(importing, {"ask": signal.raise_signal, "done": done})  # noqa: S102 - ours
        time.sleep(10)
        pytest.fail("slept on")
    assert done == [1]


def test_elsewhere_than_in_the_main_thread_nobody_listens_and_the_work_is_done():
    done: list[int] = []

    def work() -> None:
        with stoppable():
            done.append(1)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [1]


def test_who_asks_again_later_does_not_wait_for_what_is_tidied_up():
    program = (
        "import time\nfrom propensity.stopping import stoppable\n"
        "with stoppable():\n    try:\n        print('on its way', flush=True)\n        time.sleep(60)\n"
        "    finally:\n        print('tidies up', flush=True)\n        time.sleep(60)\n"
    )
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", program], text=True, **pipes) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "on its way\n"
            process.send_signal(signal.SIGINT)
            assert process.stdout.readline() == "tidies up\n"
            process.send_signal(signal.SIGINT)
            time.sleep(1.2)
            assert process.poll() is None
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=10) == ("", "propensity: stopped\n")
            assert process.returncode == 130
        finally:
            process.kill()
