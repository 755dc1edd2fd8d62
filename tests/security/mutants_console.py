"""Mutants of the console: its door, its session, its forms, and its escaping."""

from __future__ import annotations

from typing import Final

from tests.mutants import Mutant

VISIT = "retrieval/console/visit.py"
SESSION = "retrieval/console/session.py"
PAGE = "retrieval/console/page.py"
DOORS = ("tests/security/test_console_access.py", "-k", "sqlite")
TEXTS = ("tests/security/test_console_escaping.py", "-k", "sqlite")

CONSOLE: Final = (
    Mutant(
        "the API scope of a page",
        "a token opens pages that it does not open over REST",
        VISIT,
        "            caller.require(self.scope)",
        "            pass",
        DOORS,
    ),
    Mutant(
        "a form of another site",
        "a page elsewhere acts in the name of whoever is signed in",
        VISIT,
        "        if form is not None:\n            require_same_site(runtime, request)",
        "        if form is None:\n            pass",
        DOORS,
    ),
    Mutant(
        "a form of a sibling site",
        "a page on a neighbouring host acts in the name of whoever is signed in",
        VISIT,
        'same = site == ["same-origin"]',
        'same = "cross-site" not in site',
        DOORS,
    ),
    Mutant(
        "the mark of a session",
        "a form of another session does something in this one",
        VISIT,
        "if form is not None and not hmac.compare_digest(",
        "if form is None and not hmac.compare_digest(",
        DOORS,
    ),
    Mutant(
        "a flag on a page",
        "what operators switched off goes on in the console",
        VISIT,
        "if operation is not None:",
        "if operation is None:",
        DOORS,
    ),
    Mutant(
        "the end of a session",
        "a session never ends",
        SESSION,
        "if runtime.clock().timestamp() >= session.ends_at:",
        "if session.ends_at == 0:",
        DOORS,
    ),
    Mutant(
        "two sessions in one request",
        "it is left to chance which of them counts",
        SESSION,
        "        (value,) = values",
        "        value = values[0]",
        DOORS,
    ),
    Mutant(
        "escaping on pages",
        "the text of a document becomes part of a page",
        PAGE,
        "autoescape=True",
        "autoescape=False",
        TEXTS,
    ),
)
