from dataclasses import replace

import pytest

from ingestion.embedding.identity import EmbedderIdentity, Pooling, Runtime
from ingestion.embedding.weights import MINILM


def test_the_fingerprint_of_the_default_model_never_moves_by_accident() -> None:
    # Every index built so far carries it: a change here means that all of them are built anew.
    assert MINILM.identity.fingerprint == "75fe52eb1e002a68"


@pytest.mark.parametrize(
    "changed",
    [
        {"weights": "0" * 64},
        {"runtime": Runtime.SENTENCE_TRANSFORMERS},
        {"pooling": Pooling.OWN},
        {"max_tokens": 128},
        {"dimensions": 256},
        {"normalised": False},
    ],
)
def test_whatever_moves_the_vectors_moves_the_fingerprint(changed: dict[str, object]) -> None:
    identity: EmbedderIdentity = MINILM.identity
    assert replace(identity, **changed).fingerprint != identity.fingerprint  # type: ignore[arg-type]  # any one field
