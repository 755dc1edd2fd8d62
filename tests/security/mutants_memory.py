"""Mutants of what is remembered from one request to the next, and of who finds it."""

from __future__ import annotations

from typing import Final

from tests.mutants import Mutant

REMEMBERING = "retrieval/resilience/memory.py"
PIPELINE = "retrieval/pipeline.py"
ACCOUNT = "retrieval/account.py"
REMEMBERED = ("tests/unit/retrieval/test_memory.py",)
VIEWS = ("tests/security/test_remembered.py",)

MEMORY: Final = (
    Mutant(
        "whose question was remembered",
        "how fast an answer comes tells that a colleague asked the same",
        REMEMBERING,
        "return caller, state.digest()",
        "return caller.tenant, state.digest()",
        REMEMBERED,
    ),
    Mutant(
        "the view of what was remembered",
        "what was added since is not found",
        PIPELINE,
        "key_of(before.scope.caller, view, generation,",
        "key_of(before.scope.caller, generation,",
        VIEWS,
    ),
    Mutant(
        "searches under sources of their own",
        "what a switched-off source left out is remembered, and only a digest keeps it apart",
        PIPELINE,
        " and before.scope.sources is None",
        "",
        VIEWS,
    ),
    Mutant(
        "searches under a filter of their own",
        "a filter is forgotten, or one is obeyed that was not given",
        PIPELINE,
        "settled = not asked.own and",
        "settled = True and",
        VIEWS,
    ),
    Mutant(
        "an answer that nobody waits for",
        "the audit says that somebody saw what was never sent",
        ACCOUNT,
        "    if not time_left():\n        withdraw(runtime, caller, response)",
        "    if not time_left():\n        pass",
        VIEWS,
    ),
)
