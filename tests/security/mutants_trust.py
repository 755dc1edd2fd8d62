"""Mutants of what keeps untrusted text from an agent, and from being confirmed."""

from __future__ import annotations

from typing import Final

from tests.mutants import Mutant

QUOTES = "retrieval/verify_quotes.py"
TITLES = "retrieval/titles.py"

CITED = ("tests/unit/retrieval/test_verify_quotes.py",)
POISONED = ("tests/e2e/test_poisoned_corpus.py",)

TRUST: Final = (
    Mutant(
        "the refusal of a span that was redacted",
        "the hash of redacted text confirms a guess of it",
        QUOTES,
        "        if _redacted(cited, span):",
        "        if False:",
        CITED,
    ),
    Mutant(
        "the refusal of a span of nothing that is served",
        "characters that nobody is shown are confirmed by their hash",
        QUOTES,
        "    if span is None or span[0] == span[1]:",
        "    if span is None:",
        CITED,
    ),
    Mutant(
        "the trust policy of titles",
        "an order that is taken out of the text stands above it as its title",
        TITLES,
        "    if policy is TrustPolicy.FLAG:\n        return clean.text\n",
        "    return clean.text\n",
        POISONED,
    ),
    Mutant(
        "the record of a check whose rights never settled",
        "a reply leaves that nobody can account for",
        "retrieval/verify.py",
        "    _keep(runtime, before, asked, response, {}, watch=watch)\n",
        "",
        ("tests/security/test_last_look.py", "-k", "finds_nothing"),
    ),
    Mutant(
        "the end of a window of the screen",
        "padding hides the order behind it",
        "verifier/screen_features.py",
        "            start, end = borders[first], borders[last]\n",
        "            start, end = borders[first], min(borders[last], borders[first] + 400)\n",
        ("tests/unit/verifier/test_screen_model.py",),
    ),
    Mutant(
        "what is suspected beside an order",
        "half of an order that is told in several sentences is left standing",
        "verifier/policy.py",
        "(*acted_on, *_beside(text, findings, acted_on))",
        "acted_on",
        ("tests/unit/verifier/test_policy.py",),
    ),
)
