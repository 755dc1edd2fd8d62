"""Clearance in LlamaIndex: evidence as nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import anyio
import pytest

pytest.importorskip("llama_index.core")

from llama_index.core.llms import MockLLM
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.response_synthesizers import ResponseMode, get_response_synthesizer
from llama_index.core.schema import MetadataMode

from retrieval.integrations.llamaindex import ClearanceRetriever

if TYPE_CHECKING:
    from conftest import Asked
    from llama_index.core.schema import NodeWithScore

    from retrieval.client import Clearance

QUESTION: Final = "What is the per diem for trips abroad?"


def test_evidence_comes_as_nodes_with_their_citations(client: Clearance) -> None:
    found = ClearanceRetriever(client).retrieve(QUESTION)
    said = client.retrieve(QUESTION)
    assert [one.node.get_content() for one in found] == [piece.text for piece in said.evidence]
    assert [one.score for one in found] == [piece.relevance for piece in said.evidence]
    first = found[0]
    assert first.node.node_id == said.evidence[0].chunk_id
    assert first.metadata["untrusted"] is True
    assert first.metadata["action"] == said.action
    assert first.metadata["document_id"] == said.evidence[0].citation.document_id


def test_how_many_and_where_from_are_set_once(client: Clearance) -> None:
    assert len(ClearanceRetriever(client, similarity_top_k=1).retrieve(QUESTION)) == 1
    assert ClearanceRetriever(client, sources=["other"]).retrieve(QUESTION) == []
    with pytest.raises(ValueError, match="tenant"):
        ClearanceRetriever(client, tenant="other").retrieve(QUESTION)


def test_a_model_and_an_embedder_are_not_shown_what_stands_beside_the_text(
    client: Clearance,
) -> None:
    (node, *_) = (one.node for one in ClearanceRetriever(client).retrieve(QUESTION))
    assert node.metadata["title"] == "Travel"
    assert node.get_content(MetadataMode.EMBED) == node.get_content()
    shown = node.get_content(MetadataMode.LLM)
    assert "id: e1" in shown
    assert "title" not in shown
    assert "memory://" not in shown


def test_it_can_be_awaited_with_and_without_a_client_that_is(asked: Asked) -> None:
    async def ask() -> tuple[list[NodeWithScore], list[NodeWithScore]]:
        async with asked.awaited() as awaited:
            with asked.client() as waiting:
                both = ClearanceRetriever(waiting, async_client=awaited)
                return await both.aretrieve(QUESTION), await ClearanceRetriever(waiting).aretrieve(
                    QUESTION
                )

    awaited, in_thread = anyio.run(ask)
    assert [one.node.node_id for one in awaited] == [one.node.node_id for one in in_thread]
    assert awaited


def test_it_stands_in_a_query_engine(client: Clearance) -> None:
    engine = RetrieverQueryEngine(
        ClearanceRetriever(client, similarity_top_k=1),
        get_response_synthesizer(MockLLM(), response_mode=ResponseMode.COMPACT),
    )
    answer = engine.query(QUESTION)
    assert ["55 euros" in one.node.get_content() for one in answer.source_nodes] == [True]
