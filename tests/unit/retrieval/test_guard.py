"""A guard gives up in time, stops asking what fails, and finds out when it is back."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from retrieval import metrics
from retrieval.resilience import deadline
from retrieval.resilience.deadline import Deadline
from retrieval.resilience.guard import AT_ONCE, BreakerState, Guard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class AwayError(Exception):
    """What the dependency's absence is told as."""


class LateError(Exception):
    """What its lateness is told as."""


class Told(metrics.Metrics):
    """Remembers how circuits changed."""

    def __init__(self) -> None:
        self.changes: list[str] = []

    def breaker_changed(self, *, name: str, state: str) -> None:
        """Remember it."""
        assert name == "thing"
        self.changes.append(str(state))


def guard(*, pause_seconds: float = 60, failures: int = 3, share: float = 1.0) -> Guard:
    return Guard(
        "thing",
        away=AwayError,
        late=LateError,
        counts=lambda error: isinstance(error, ConnectionError),
        share=share,
        failures=failures,
        pause_seconds=pause_seconds,
    )


def fail() -> None:
    raise ConnectionError("gone")


def answer() -> str:
    return "here"


@pytest.fixture(autouse=True)
def in_a_request() -> Iterator[None]:
    with deadline.bound(Deadline.after(60)):
        yield


@pytest.fixture
def told() -> Iterator[Told]:
    noting = Told()
    with metrics.bound(noting):
        yield noting


@pytest.fixture
def hang() -> Iterator[Callable[[], None]]:
    release = threading.Event()
    yield lambda: release.wait(60) and None
    release.set()


def broken(made: Guard, failures: int = 3) -> Guard:
    for _ in range(failures):
        with pytest.raises(ConnectionError):
            made.call(fail)
    return made


def test_what_is_there_is_called_and_its_answer_returned() -> None:
    assert guard().call(answer) == "here"


def test_after_enough_failures_in_a_row_it_is_not_asked_any_more(told: Told) -> None:
    made, asked = broken(guard()), []
    with pytest.raises(AwayError, match="thing"):
        made.call(lambda: asked.append(1))
    assert (asked, made.state, told.changes) == ([], BreakerState.OPEN, ["open"])


def test_a_success_in_between_starts_the_count_anew() -> None:
    made = broken(guard(), 2)
    made.call(answer)
    broken(made, 2)
    assert made.state is BreakerState.CLOSED


def test_an_error_that_is_an_answer_does_not_count() -> None:
    made = guard()
    for _ in range(10):
        with pytest.raises(KeyError):
            made.call(lambda: {}["x"])
    assert made.state is BreakerState.CLOSED


def test_when_it_is_back_one_call_finds_out_and_all_go_on(told: Told) -> None:
    made = broken(guard(pause_seconds=0.01))
    time.sleep(0.05)
    assert made.state is BreakerState.HALF_OPEN
    assert made.call(answer) == "here"
    assert made.state is BreakerState.CLOSED
    assert told.changes == ["open", "closed"]


def test_while_one_call_finds_out_others_do_not_wait_for_it() -> None:
    made = broken(guard(pause_seconds=0.01))
    time.sleep(0.05)
    entered, release = threading.Event(), threading.Event()

    def probe() -> None:
        entered.set()
        release.wait(60)

    def ask() -> None:
        with deadline.bound(Deadline.after(60)):
            made.call(probe)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        assert entered.wait(30)
        with pytest.raises(AwayError, match="being seen"):
            made.call(answer)
    finally:
        release.set()
        asking.join(30)
    assert made.call(answer) == "here"


def test_a_probe_that_fails_opens_it_again() -> None:
    made = broken(guard(pause_seconds=0.3))
    time.sleep(0.4)
    broken(made, 1)
    assert made.state is BreakerState.OPEN


def test_a_call_that_hangs_is_given_up_and_counted(hang: Callable[[], None]) -> None:
    made = guard(failures=2)
    for _ in range(2):
        with deadline.bound(Deadline.after(0.02)), pytest.raises(LateError, match="no answer"):
            made.call(hang)
    assert made.state is BreakerState.OPEN


def test_it_takes_no_more_than_its_share_of_the_time(hang: Callable[[], None]) -> None:
    with deadline.bound(Deadline.after(20)):
        with pytest.raises(LateError):
            guard(share=0.001).call(hang)
        assert deadline.time_left()


def test_calls_that_hang_do_not_pile_up_without_end(hang: Callable[[], None]) -> None:
    made = guard(failures=10 * AT_ONCE)
    for _ in range(AT_ONCE):
        with deadline.bound(Deadline.after(0.0001)), pytest.raises(LateError):
            made.call(hang)
    with pytest.raises(LateError, match="too many"):
        made.call(answer)


def test_its_own_timeouts_are_told_as_they_are() -> None:
    def late() -> None:
        raise TimeoutError("the server's own")

    with pytest.raises(TimeoutError, match="own"):
        guard().call(late)


def test_work_sees_the_deadline_of_its_request() -> None:
    assert guard().call(deadline.current) is deadline.current() is not None


def test_without_a_request_it_is_just_called() -> None:
    made = broken(guard())

    def outside() -> None:
        seen.append(made.call(threading.current_thread))

    seen: list[threading.Thread] = []
    apart = threading.Thread(target=outside)  # a context of its own, as of a command
    apart.start()
    apart.join()
    assert seen == [apart]
