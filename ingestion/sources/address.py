"""Addresses of documents: which can be one, and which lie beneath which, as servers read them.

What never lives here: asking for one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from urllib.parse import SplitResult

LOCAL: Final = frozenset({"file", "local", "dir", "dirfs", "reference"})
"""Protocols that read this machine's files; the kind ``folder`` does, and follows no link."""
HTTP: Final = {"http": 80, "https": 443}
"""Protocols whose servers may answer with another address, and their ports."""
_URL: Final = re.compile(r"[a-z][a-z0-9+.-]*://[^\s]+")


def checked_url(url: str) -> str:
    """Return ``url`` if it can be that of a document or of a place that holds some.

    Raises:
        ValueError: it is none, is chained, carries a password, or means this machine's files.
    """
    if not _URL.fullmatch(url) or "::" in url:
        raise ValueError("must be one URL, such as s3://bucket/folder")
    parts = urlsplit(url)
    if parts.password or "@" in parts.netloc:
        raise ValueError("must not name a user or a password; use options_env")
    if parts.scheme in LOCAL:
        raise ValueError("means files of this machine; use a source of kind folder")
    if ".." in unquote(parts.path).split("/"):
        raise ValueError("must not have '..' in its path")
    return url


def is_beneath(url: str, prefix: str) -> bool:
    """Tell whether ``url`` lies beneath ``prefix``, which ends with a slash; by parts, not text."""
    try:
        one, other = urlsplit(checked_url(url)), urlsplit(prefix)
        return _place(one) == _place(other) and unquote(one.path).startswith(unquote(other.path))
    except ValueError:
        return False


def _place(parts: SplitResult) -> tuple[str, str, int | None]:
    """Scheme, host and port, as a server over HTTP reads them; a bucket's name stays as it is.

    Raises:
        ValueError: The host or the port cannot be one.
    """
    if parts.scheme not in HTTP:
        return parts.scheme, parts.netloc, None
    host = (parts.hostname or "").encode("idna").decode()
    return parts.scheme, host, HTTP[parts.scheme] if parts.port is None else parts.port
