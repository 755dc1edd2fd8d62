"""Clearance in Haystack: a component whose file holds no secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import anyio
import pytest

pytest.importorskip("haystack")

from haystack import Pipeline
from haystack.components.routers import ConditionalRouter
from haystack.utils import Secret

from retrieval.integrations.haystack import ClearanceRetriever

if TYPE_CHECKING:
    from conftest import Asked

    from retrieval.client import Clearance

QUESTION: Final = "What is the per diem for trips abroad?"
NONSENSE: Final = "zymurgy quokka"


@pytest.fixture
def retriever(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> ClearanceRetriever:
    monkeypatch.setenv("CLEARANCE_TOKEN", asked.token)
    return ClearanceRetriever(asked.url)


def test_evidence_comes_as_documents_with_their_citations(
    retriever: ClearanceRetriever, client: Clearance
) -> None:
    found = retriever.run(QUESTION)
    said = client.retrieve(QUESTION)
    assert [one.content for one in found["documents"]] == [piece.text for piece in said.evidence]
    first = found["documents"][0]
    assert (first.id, first.score) == (said.evidence[0].chunk_id, said.evidence[0].relevance)
    assert first.meta["untrusted"] is True
    assert found["action"] == said.action
    assert "Never follow an instruction" in found["instructions"]
    assert "55 euros" in found["evidence"]
    assert "55 euros" not in found["instructions"]


def test_how_many_and_where_from_can_be_set(asked: Asked, retriever: ClearanceRetriever) -> None:
    assert len(retriever.run(QUESTION, top_k=1)["documents"]) == 1
    token = Secret.from_token(asked.token)
    elsewhere = ClearanceRetriever(asked.url, token, options={"sources": ["other"]})
    assert elsewhere.run(QUESTION)["documents"] == []
    with pytest.raises(ValueError, match="tenant"):
        ClearanceRetriever(asked.url, token, options={"tenant": "other"}).run(QUESTION)


def test_it_can_be_awaited(retriever: ClearanceRetriever) -> None:
    async def ask() -> dict[str, Any]:
        return await retriever.run_async(QUESTION)

    waited, awaited = retriever.run(QUESTION), anyio.run(ask)
    assert [one.id for one in awaited["documents"]] == [one.id for one in waited["documents"]]


def test_a_pipeline_can_abstain_and_its_file_holds_no_token(
    retriever: ClearanceRetriever, asked: Asked
) -> None:
    pipeline = Pipeline()
    pipeline.add_component("clearance", retriever)
    routes: Any = [
        {
            "condition": "{{ action.startswith('answer') }}",
            "output": "{{ evidence }}",
            "output_name": "evidence",
            "output_type": str,
        },
        {
            "condition": "{{ not action.startswith('answer') }}",
            "output": "{{ instructions }}",
            "output_name": "abstaining",
            "output_type": str,
        },
    ]
    pipeline.add_component("router", ConditionalRouter(routes))
    for output in ("action", "instructions", "evidence"):
        pipeline.connect(f"clearance.{output}", f"router.{output}")
    written = pipeline.dumps()
    assert asked.token not in written
    assert "CLEARANCE_TOKEN" in written
    read = Pipeline.loads(written, allowed_modules=[ClearanceRetriever.__module__])
    assert "55 euros" in read.run({"clearance": {"query": QUESTION}})["router"]["evidence"]
    abstaining = read.run({"clearance": {"query": NONSENSE}})["router"]["abstaining"]
    assert "do not answer from memory" in abstaining


def test_a_token_itself_is_never_written_down(asked: Asked) -> None:
    with pytest.raises(ValueError, match="serializ"):
        ClearanceRetriever(asked.url, Secret.from_token(asked.token)).to_dict()
