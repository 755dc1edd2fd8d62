"""May a link lead where it says? Decided on the target alone, as a browser would read it.

A link can carry data out of a conversation when an agent repeats or renders it: an image is
fetched without a click, a query string carries whatever was put in. Pure; nothing is resolved.
"""

import re
from enum import StrEnum
from html import unescape
from typing import NamedTuple

from verifier.findings import Severity

NEUTRAL = "#removed"
"""What a neutralised target is replaced by: a fragment, which no client requests."""

MAX_PATH = 300
"""Characters of an address that are still plain; longer ones can carry a text."""

_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_STRIPPED = re.compile(r"[\x00-\x20]+")
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_ACTIVE = frozenset({"javascript", "vbscript", "data", "file", "blob", "livescript", "mhtml"})
_HOST = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//([^/?#]*)", re.IGNORECASE)
# A place to be filled in: {data}, ${x}, <x>, [x], %s, or a parameter left empty at the end.
_PLACEHOLDER = re.compile(r"[{}<>\[\]$]|%7b|%3c|%5b|%s\b|=$", re.IGNORECASE)


class Reason(StrEnum):
    """Why a target was neutralised."""

    ACTIVE = "link.active_scheme"
    PLACEHOLDER = "link.placeholder"
    CREDENTIALS = "link.credentials"
    QUERY = "link.query"
    LONG = "link.long_target"
    REMOTE_IMAGE = "link.remote_image"


class Judgement(NamedTuple):
    """A target that must not survive, and how serious it is."""

    reason: Reason
    severity: Severity


def judge(target: str, *, image: bool) -> Judgement | None:
    """Say why a target must be neutralised, or None where it may stand.

    Args:
        target: The destination as written: entities and backslash escapes are read as a
            renderer reads them.
        image: Whether it is fetched without a click.
    """
    url = _STRIPPED.sub("", _ESCAPED.sub(r"\1", unescape(target))).replace("\\", "/")
    scheme = _SCHEME.match(url)
    if scheme and scheme[1].lower() in _ACTIVE:
        picture = image and url[:11].lower() == "data:image/"
        return Judgement(Reason.ACTIVE, Severity.LOW if picture else Severity.HIGH)
    host = _HOST.match(url)
    if not host:
        return None
    reason = _reason(url.partition("#")[0], host[1], image=image)
    return None if reason is None else Judgement(reason, _SEVERITIES[reason])


def _reason(address: str, host: str, *, image: bool) -> Reason | None:
    reasons = {
        Reason.PLACEHOLDER: _PLACEHOLDER.search(address) is not None,
        Reason.CREDENTIALS: "@" in host,
        Reason.QUERY: "?" in address,
        Reason.LONG: len(address) > MAX_PATH,
        Reason.REMOTE_IMAGE: image,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


_SEVERITIES = {
    Reason.PLACEHOLDER: Severity.HIGH,
    Reason.CREDENTIALS: Severity.LOW,
    Reason.QUERY: Severity.LOW,
    Reason.LONG: Severity.LOW,
    Reason.REMOTE_IMAGE: Severity.INFO,
}
