"""What travels with the text of a piece into another library: where it stands, and its state.

The same keys for every library. What must never live here: the text itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from retrieval.evidence import Evidence, RetrieveResponse


def metadata_of(piece: Evidence, answer: RetrieveResponse) -> dict[str, Any]:
    """The citation of a piece and what is known of it, and what the whole answer says to do."""
    return {
        "id": piece.id,
        "untrusted": True,
        "relevance": piece.relevance,
        **piece.citation.model_dump(mode="json"),
        "freshness": piece.freshness.state,
        "checked_at": piece.freshness.checked_at.isoformat(),
        "verdict": piece.trust.verdict,
        "conflicts_with": piece.conflicts_with,
        "action": answer.action.value,
        "reasons": [reason.code.value for reason in answer.reasons],
        "receipt_id": answer.receipt_id,
    }
