"""The keys an issuer signs with, fetched and kept (RFC 7517).

Nothing in a token decides what is fetched: the place is configured, and a key's id is looked up in
a dictionary and nowhere else. What a set holds is believed for ``lifetime`` seconds. After that it
is fetched anew; while that fails, the old keys count up to ``longest`` seconds after the last
success and not a second longer, because a key may have been withdrawn for a reason.

A key that is not there, and a fetch that fails, are both remembered: between two fetches lies a
pause, longer after each failure, whatever tokens arrive meanwhile. So strangers cannot make this
service hammer the issuer, and an issuer that is down costs one slow request now and then.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from jwt import PyJWK
from jwt.exceptions import PyJWTError

from acl import strict_json
from acl.errors import KeySetError
from acl.identity.faults import RefusedTokenError, TokenFault
from acl.identity.issuer import Algorithm

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Fetch = Callable[[], bytes]

MAX_KEYS: Final = 100
# Everything a private key of these types has and a public one has not (RFC 7518, section 6).
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_TYPES: Final[Mapping[Algorithm, tuple[str, str | None]]] = {
    Algorithm.RS256: ("RSA", None),
    Algorithm.PS256: ("RSA", None),
    Algorithm.ES256: ("EC", "P-256"),
    Algorithm.EDDSA: ("OKP", "Ed25519"),
}
_NO_KEYS: Final[Mapping[str, PyJWK]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long keys are believed, and how often they are asked for. Seconds.

    Attributes:
        lifetime: keys are believed this long without asking again.
        longest: and this long at most while asking fails.
        pause: at least this lies between a success and the next fetch, however many unknown keys
            are asked for; and after the first failure.
        longest_pause: the pause doubles with each failure up to this.
    """

    lifetime: float = 600.0
    longest: float = 3_600.0
    pause: float = 15.0
    longest_pause: float = 300.0


@dataclass(frozen=True, slots=True)
class _Known:
    """One consistent state; replaced as a whole, so that readers need no lock."""

    keys: Mapping[str, PyJWK] = field(default_factory=lambda: _NO_KEYS)
    fetched_at: float | None = None
    next_fetch: float = 0.0
    failures: int = 0

    def age(self, now: float) -> float:
        return float("inf") if self.fetched_at is None else now - self.fetched_at


class KeySet:
    """The current keys of one issuer. Thread-safe; at most one fetch at a time.

    Args:
        fetch: returns the key set as JSON; raises ``OSError`` or ``KeySetError`` if it cannot.
        algorithms: the issuer's; a key that fits none of them is not there.
        patience: how long and how often.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        fetch: Fetch,
        algorithms: Sequence[Algorithm],
        *,
        patience: Patience | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._algorithms = tuple(algorithms)
        self._patience = patience or Patience()
        self._clock = clock
        self._known = _Known(next_fetch=clock())
        self._fetching = threading.Lock()

    def find(self, key_id: str) -> PyJWK:
        """The key with this id.

        Raises:
            RefusedTokenError: ``UNKNOWN_KEY``, or ``KEYS_UNAVAILABLE`` while there are none that
                may still be believed.
        """
        known = self._known
        fresh = known.age(self._clock()) < self._patience.lifetime
        if not fresh or key_id not in known.keys:
            known = self._renewed(known, wait=key_id not in known.keys or not self._usable(known))
        if not self._usable(known):
            raise RefusedTokenError(TokenFault.KEYS_UNAVAILABLE)
        if key_id not in known.keys:
            raise RefusedTokenError(TokenFault.UNKNOWN_KEY)
        return known.keys[key_id]

    def _usable(self, known: _Known) -> bool:
        return known.age(self._clock()) < self._patience.longest

    def _renewed(self, seen: _Known, *, wait: bool) -> _Known:
        """The state after a fetch, if one is due; whoever can go on without it does not wait."""
        if self._clock() < seen.next_fetch or not self._fetching.acquire(blocking=wait):
            return self._known
        try:
            # Whoever waited finds what the other fetched, and leaves it at that.
            if self._known is seen:
                self._known = self._fetched(seen)
            return self._known
        finally:
            self._fetching.release()

    def _fetched(self, seen: _Known) -> _Known:
        patience = self._patience
        try:
            keys = read_keys(self._fetch(), self._algorithms)
        except (OSError, KeySetError):
            now, failures = self._clock(), seen.failures + 1
            pause = min(patience.longest_pause, patience.pause * 2 ** min(failures - 1, 16))
            return _Known(seen.keys, seen.fetched_at, now + pause, failures)
        now = self._clock()
        return _Known(keys, now, now + patience.pause)


def read_keys(document: bytes, algorithms: Sequence[Algorithm]) -> Mapping[str, PyJWK]:
    """The usable keys of a set, by id, each bound to the one algorithm it may be used with.

    A key is bound to its own ``alg``, or else to the first of ``algorithms`` it fits. Left out are
    keys without an id, for other uses or algorithms, too short, malformed, or with their private
    part in the open; and every key whose id is another's too.

    Raises:
        KeySetError: this is no key set.
    """
    try:
        entries = strict_json.loads(document)["keys"]
    except (ValueError, TypeError, KeyError):
        raise KeySetError("this is no JSON Web Key Set") from None
    if not isinstance(entries, list) or len(entries) > MAX_KEYS:
        raise KeySetError(f"a key set has a list of at most {MAX_KEYS} keys")
    usable = [(entry["kid"], key) for entry in entries if (key := _usable_key(entry, algorithms))]
    times = Counter(key_id for key_id, _ in usable)
    return MappingProxyType({key_id: key for key_id, key in usable if times[key_id] == 1})


def _usable_key(entry: Any, algorithms: Sequence[Algorithm]) -> PyJWK | None:
    if not isinstance(entry, dict) or not isinstance(entry.get("kid"), str) or not entry["kid"]:
        return None
    if entry.get("use", "sig") != "sig" or _PRIVATE & entry.keys():
        return None
    operations = entry.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        return None
    algorithm = next((one for one in algorithms if _fits(entry, one)), None)
    if algorithm is None:
        return None
    try:
        key = PyJWK(entry, algorithm=algorithm.value)
    except (PyJWTError, ValueError, TypeError):
        return None
    return None if key.Algorithm.check_key_length(key.key) else key


def _fits(entry: Mapping[str, Any], algorithm: Algorithm) -> bool:
    kind, curve = _TYPES[algorithm]
    return (
        entry.get("kty") == kind
        and (curve is None or entry.get("crv") == curve)
        and entry.get("alg", algorithm.value) == algorithm.value
    )
