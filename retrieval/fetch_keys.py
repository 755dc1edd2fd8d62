"""Fetching an issuer's key set over HTTPS, with a limit on everything that could go on for long.

The address is the operator's and never a token's. Redirects are not followed: whoever can redirect
this request could otherwise sign for the issuer.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from acl.errors import KeySetError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import httpx

MAX_BYTES: Final = 256 * 1024
MAX_SECONDS: Final = 3.0
"""For each step of the exchange, and for the document as a whole: a request may wait for it."""

LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_OK: Final = 200


def check_address(url: str) -> str:
    """Return ``url`` if keys may be fetched from it.

    Raises:
        ValueError: it is not https (plain http is for this machine alone), or holds a password.
    """
    parts = urlsplit(url)
    plain = parts.scheme == "http" and parts.hostname in LOOPBACK
    if not parts.hostname or not (parts.scheme == "https" or plain):
        raise ValueError("give an https URL; without it, keys could be swapped on the way")
    if parts.username or parts.password or parts.fragment:
        raise ValueError("give a URL without a user, a password or a fragment")
    return url


def over_https(url: str) -> Callable[[], bytes]:
    """A function that fetches the document at ``url``."""
    address = check_address(url)

    def fetch() -> bytes:
        import httpx  # noqa: PLC0415 - only installations with an issuer need it

        try:
            with httpx.stream(
                "GET",
                address,
                timeout=MAX_SECONDS,
                follow_redirects=False,
                # Undecoded, so that the limit is one on what is held in memory.
                headers={"Accept": "application/json", "Accept-Encoding": "identity"},
            ) as response:
                return _read(response)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise KeySetError(
                f"the key set could not be fetched ({type(error).__name__})"
            ) from error

    return fetch


def from_file(path: Path) -> Callable[[], bytes]:
    """A function that reads ``path``; replace the file to rotate keys."""

    def fetch() -> bytes:
        with path.open("rb") as file:
            document = file.read(MAX_BYTES + 1)
        if len(document) > MAX_BYTES:
            raise KeySetError("the key set is too large")
        return document

    return fetch


def _read(response: httpx.Response) -> bytes:
    if response.status_code != _OK:
        raise KeySetError(f"the key set was answered with status {response.status_code}")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise KeySetError("the key set came compressed, unasked")
    ends, document = time.monotonic() + MAX_SECONDS, bytearray()
    for part in response.iter_raw():
        document += part
        if len(document) > MAX_BYTES:
            raise KeySetError("the key set is too large")
        if time.monotonic() > ends:
            raise KeySetError("the key set came too slowly")
    return bytes(document)
