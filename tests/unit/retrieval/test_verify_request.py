"""What can be asked of the check: a draft of any sentences becomes claims within the limits."""

from __future__ import annotations

from itertools import pairwise

import pytest
from pydantic import ValidationError

from retrieval.verify_request import MAX_CLAIM_CHARS, VerifyRequest, assertions
from verifier.sentences import LONGEST, OVERLAP

CHUNK = "00000000-0000-4000-8000-000000000000"


def draft(text: str) -> VerifyRequest:
    return VerifyRequest.model_validate({"answer": {"text": text, "chunks": {"e1": CHUNK}}})


def test_a_sentence_that_is_too_long_becomes_claims_that_overlap() -> None:
    text = " ".join(f"word{at}" for at in range(600)) + "."
    assert len(text) > MAX_CLAIM_CHARS
    claims = list(assertions(draft(text)))
    spans = [claim.span for claim in claims if claim.span is not None]
    assert len(spans) == len(claims) > 1
    assert all(end - start <= LONGEST for start, end in spans)
    assert (spans[0][0], spans[-1][1]) == (0, len(text))
    assert all(one[1] - other[0] == OVERLAP for one, other in pairwise(spans))


def test_claims_that_are_too_long_together_are_refused_by_the_name_of_the_limit() -> None:
    with pytest.raises(ValidationError, match=r"claims: 2.* characters together"):
        draft("word " * 4_000)
    cited = [{"chunk_id": CHUNK}]
    with pytest.raises(ValidationError, match=f"at most {MAX_CLAIM_CHARS} characters"):
        VerifyRequest.model_validate(
            {"claims": [{"text": "x" * (MAX_CLAIM_CHARS + 1), "citations": cited}]}
        )
