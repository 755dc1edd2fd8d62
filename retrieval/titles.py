"""Titles of documents as they are served: text of a document like any other, so no safer.

Whoever may write a document may write its title, and its file name that stands in for one. A title
is sanitised always; where the trust policy takes orders out of texts, it takes them out of titles.
It never withholds one: the piece beneath may be clean, and is needed with a name.

What must never live here: an address, which has to lead where it leads.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from verifier.policy import TrustPolicy, apply
from verifier.sanitise import sanitise
from verifier.screening import screen

_REMEMBERED: Final = 8_192
_HARMLESS: Final = re.compile(r"[A-Za-z0-9 .,_()-]*")
"""Characters in which nothing hides: a title of these alone is as sanitised already."""


def served_title(title: str, policy: TrustPolicy, *, tenant: str) -> str:
    """A title as it may be shown.

    Args:
        title: as the document states it.
        policy: what happens to injected instructions.
        tenant: whose document it is; what is remembered of one is no use to another.
    """
    if policy is TrustPolicy.FLAG and _HARMLESS.fullmatch(title):
        return title
    return _served(tenant, title, policy)


@lru_cache(maxsize=_REMEMBERED)
def _served(_tenant: str, title: str, policy: TrustPolicy) -> str:
    clean = sanitise(title)
    if policy is TrustPolicy.FLAG:
        return clean.text
    findings = (*clean.findings, *screen(clean.text))
    return apply(clean.text, findings, TrustPolicy.REDACT).text
