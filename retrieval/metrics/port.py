"""What can be counted, for whoever has something to count. This one counts nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

OK: Final = "ok"
"""The ``code`` label of everything that did not end in a problem."""


class Metrics:
    """Counts nothing. Never raises, and neither must a subclass: counting fails no request."""

    def request(self, *, route: str, status: int, code: str, seconds: float) -> None:
        """Count one finished HTTP request. ``route`` is the template, never the path asked for."""

    def tool_call(self, *, tool: str, code: str, seconds: float | None = None) -> None:
        """Count one MCP tool call."""

    def answer(
        self,
        *,
        surface: str,
        status: str,
        seconds: float,
        action: str | None = None,
        reasons: Iterable[str] = (),
    ) -> None:
        """Count one answer of retrieve, whatever its status, with each of its reasons."""

    def evidence(self, *, verdict: str, findings: Iterable[tuple[str, str]]) -> None:
        """Count one piece of evidence that was served.

        Args:
            verdict: what the trust policy did with it.
            findings: kind and severity of each finding in it.
        """

    def evidence_tokens(self, count: int) -> None:
        """Count the tokens of the evidence of an answer."""

    def duplicates(self, count: int) -> None:
        """Count pieces that were folded into others which say the same."""

    def check(
        self,
        *,
        surface: str,
        seconds: float,
        verdicts: Iterable[str],
        reasons: Iterable[str],
        results: Iterable[str],
    ) -> None:
        """Count one check: verdict and reasons of each claim, the result of each citation."""

    def stage(self, *, operation: str, stage: str, seconds: float) -> None:
        """Note how long one stage of an operation took."""

    def withdrawn(self) -> None:
        """Count an answer that was on record and did not leave."""

    def token_refused(self, *, fault: str) -> None:
        """Count one bearer token that was refused, by what was wrong with it."""

    def budget_refusal(self, *, budget: str, scope: str) -> None:
        """Count one refusal for want of budget: of which, and whether the user's or tenant's."""

    def waited(self, *, seconds: float, admitted: bool) -> None:
        """Note how long a request waited for its turn, and whether it got one."""

    def recheck_drops(self, count: int) -> None:
        """Count hits that the recheck kept back immediately before they would have left."""

    def breaker_changed(self, *, name: str, state: str) -> None:
        """Note that the circuit around a dependency is closed, half open or open now."""

    def fallback(self, *, name: str) -> None:
        """Count one answer that had to do without a dependency."""

    def cache(self, *, name: str, hit: bool) -> None:
        """Count one look into what was worked out before."""
