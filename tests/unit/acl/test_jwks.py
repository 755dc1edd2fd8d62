"""Key sets: which keys count, for how long, and how seldom they are asked for."""

from __future__ import annotations

import itertools
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from acl.errors import KeySetError
from acl.identity.faults import RefusedTokenError
from acl.identity.issuer import Algorithm
from acl.identity.jwks import MAX_KEYS, KeySet, Patience, read_keys
from tests.support.issuer import key_set, signing_key

if TYPE_CHECKING:
    from collections.abc import Callable

MAIN, NEXT = signing_key("main"), signing_key("next")
RSA, ED = signing_key("rsa", "RS256"), signing_key("ed", "EdDSA")
WEAK = signing_key("weak", "RS256", bits=1024)
ALL = tuple(Algorithm)
PATIENCE = Patience(lifetime=600, longest=3_600, pause=15, longest_pause=300)


@dataclass
class Published:
    """A key set that can change, fail and be counted, and the clock that goes with it."""

    document: bytes = field(default_factory=lambda: key_set(MAIN.jwk()))
    error: Exception | None = None
    asked: int = 0
    now: float = 1_000.0
    while_fetching: Callable[[], None] = lambda: None

    def fetch(self) -> bytes:
        self.asked += 1
        self.while_fetching()
        if self.error is not None:
            raise self.error
        return self.document

    def kept(self) -> KeySet:
        return KeySet(self.fetch, ALL, patience=PATIENCE, clock=lambda: self.now)


def fault(keys: KeySet, key_id: str) -> str:
    with pytest.raises(RefusedTokenError) as raised:
        keys.find(key_id)
    return raised.value.fault.value


# Which keys count


@pytest.mark.parametrize(
    "key", [MAIN, RSA, ED, signing_key("pss", "PS256")], ids=lambda key: key.key_id
)
def test_a_published_key_is_found_and_bound_to_its_algorithm(key: Any) -> None:
    keys = read_keys(key_set(key.jwk()), ALL)
    assert keys[key.key_id].algorithm_name == key.algorithm


def test_a_key_without_an_algorithm_is_bound_to_the_first_it_fits() -> None:
    entry = RSA.jwk(alg=None)
    first = read_keys(key_set(entry), (Algorithm.ES256, Algorithm.PS256, Algorithm.RS256))
    assert first["rsa"].algorithm_name == "PS256"
    assert not read_keys(key_set(entry), (Algorithm.ES256,))


UNFIT: dict[str, dict[str, Any]] = {
    "without an id": MAIN.jwk(kid=None),
    "with an empty id": MAIN.jwk(kid=""),
    "with a number for an id": MAIN.jwk(kid=1),
    "for encryption": MAIN.jwk(use="enc"),
    "for other operations": MAIN.jwk(key_ops=["encrypt"]),
    "with operations that are no list": MAIN.jwk(key_ops="verify"),
    "of another algorithm": MAIN.jwk(alg="ES384"),
    "of no algorithm": MAIN.jwk(alg="none"),
    "a shared secret": {"kty": "oct", "kid": "main", "k": "c2VjcmV0", "alg": "HS256"},
    "a shared secret under a good name": {"kty": "oct", "kid": "main", "k": "c2U", "alg": "ES256"},
    "with its private part in the open": MAIN.jwk(**MAIN.private_members()),
    "with the private part of another": MAIN.jwk(d="c2VjcmV0"),
    "on another curve": MAIN.jwk(crv="P-384"),
    "not on the curve": MAIN.jwk(x="A" * 43),
    "without half of it": MAIN.jwk(y=None),
    "that is no key": {"kid": "main", "kty": "EC"},
    "too short": WEAK.jwk(kid="main"),
}


@pytest.mark.parametrize("case", UNFIT)
def test_a_key_is_left_out_and_the_others_stay(case: str) -> None:
    assert set(read_keys(key_set(UNFIT[case], NEXT.jwk()), ALL)) == {"next"}


def test_entries_that_are_no_objects_are_left_out() -> None:
    assert set(read_keys(b'{"keys": [1, null, "x", []]}', ALL)) == set()


def test_an_id_that_two_keys_bear_is_nobody_s() -> None:
    twice = key_set(MAIN.jwk(), NEXT.jwk(kid="main"), RSA.jwk())
    assert set(read_keys(twice, ALL)) == {"rsa"}
    # One that does not count takes nothing from the other.
    assert set(read_keys(key_set(MAIN.jwk(), MAIN.jwk(use="enc")), ALL)) == {"main"}


@pytest.mark.parametrize(
    "document",
    [
        *(b"", b"<html>", b"[]", b"null", b"{}", b'{"keys": {}}', b'{"keys": null}', b"\xff"),
        b'{"keys": [], "keys": []}',
        key_set(*[{}] * (MAX_KEYS + 1)),
        b"[" * 100_000,
    ],
)
def test_what_is_no_key_set_is_refused_as_a_whole(document: bytes) -> None:
    with pytest.raises(KeySetError):
        read_keys(document, ALL)


# For how long, and how often


def test_keys_are_fetched_when_first_needed_and_kept() -> None:
    published = Published()
    keys = published.kept()
    assert published.asked == 0
    for _ in range(3):
        assert keys.find("main").key_id == "main"
    assert published.asked == 1


def test_a_new_key_is_found_by_one_more_fetch() -> None:
    published = Published()
    keys = published.kept()
    keys.find("main")
    published.document = key_set(NEXT.jwk())
    published.now += PATIENCE.pause
    assert keys.find("next").key_id == "next"
    assert fault(keys, "main") == "unknown_key"  # withdrawn by the same change
    assert published.asked == 2


def test_unknown_keys_cannot_make_us_ask_more_often_than_the_pause() -> None:
    published = Published()
    keys = published.kept()
    for number in range(200):
        assert fault(keys, f"unknown-{number}") == "unknown_key"
        published.now += 0.5  # a hundred seconds in all
    assert published.asked <= 1 + 100 / PATIENCE.pause
    assert keys.find("main")


def test_a_withdrawn_key_is_refused_once_the_keys_have_aged() -> None:
    published = Published()
    keys = published.kept()
    keys.find("main")
    published.document = key_set(NEXT.jwk())
    published.now += PATIENCE.lifetime - 1
    assert keys.find("main")
    published.now += 1
    assert fault(keys, "main") == "unknown_key"


@pytest.mark.parametrize("error", [KeySetError("down"), ConnectionError("refused"), OSError()])
def test_an_issuer_that_cannot_be_reached_at_first_is_closed(error: Exception) -> None:
    published = Published(error=error)
    keys = published.kept()
    assert fault(keys, "main") == "keys_unavailable"
    published.error = None
    assert fault(keys, "main") == "keys_unavailable"  # not asked again so soon
    published.now += PATIENCE.pause
    assert keys.find("main")


def test_old_keys_count_while_the_issuer_is_down_but_not_beyond_the_longest() -> None:
    published = Published()
    keys = published.kept()
    keys.find("main")
    published.error = OSError("down")
    published.now += PATIENCE.longest - 1
    assert keys.find("main")
    published.now += 1
    assert fault(keys, "main") == "keys_unavailable"


def test_a_key_set_that_cannot_be_read_leaves_the_old_one() -> None:
    published = Published()
    keys = published.kept()
    keys.find("main")
    published.document = b"<html>sign in</html>"
    published.now += PATIENCE.lifetime
    assert keys.find("main")


def test_each_failure_doubles_the_pause_up_to_the_longest() -> None:
    published = Published(error=OSError("down"))
    keys = published.kept()
    attempts = []
    for _ in range(2_000):
        before = published.asked
        fault(keys, "main")
        if published.asked > before:
            attempts.append(published.now)
        published.now += 1
    gaps = [later - earlier for earlier, later in itertools.pairwise(attempts)]
    assert gaps[:6] == [15, 30, 60, 120, 240, 300]
    assert set(gaps[5:]) == {300}


def test_a_set_without_any_good_key_is_believed() -> None:
    """An issuer that withdraws everything is obeyed, and not treated as one that is down."""
    published = Published()
    keys = published.kept()
    keys.find("main")
    published.document = key_set()
    published.now += PATIENCE.lifetime
    assert fault(keys, "main") == "unknown_key"


# Many at once


def test_many_who_wait_for_the_first_keys_cause_one_fetch() -> None:
    published = Published()
    keys = published.kept()
    all_here = threading.Barrier(8)
    published.while_fetching = lambda: time.sleep(0.05)
    found: list[str | None] = []

    def ask() -> None:
        all_here.wait(10)
        found.append(keys.find("main").key_id)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert found == ["main"] * 8
    assert published.asked == 1


def test_whoever_has_a_key_that_still_counts_does_not_wait_for_a_slow_issuer() -> None:
    published = Published()
    keys = published.kept()
    keys.find("main")
    published.now += PATIENCE.lifetime
    fetching, done = threading.Event(), threading.Event()

    def slow() -> None:
        fetching.set()
        done.wait(10)

    published.while_fetching = slow
    other = threading.Thread(target=keys.find, args=("main",))
    other.start()
    assert fetching.wait(10)
    assert keys.find("main")  # while the other one still waits for the issuer
    assert other.is_alive()
    done.set()
    other.join(10)
    assert published.asked == 2
