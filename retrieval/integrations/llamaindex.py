"""Clearance in LlamaIndex: a retriever whose nodes are cited pieces of evidence.

Identity is the client's token; nothing in a query can change it. What never lives here: another way
to the evidence than the client, and a node's metadata in what a model or an embedder is shown: it
holds titles and addresses, which come from documents too.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from anyio import to_thread
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, TextNode

from retrieval.integrations.metadata import metadata_of

if TYPE_CHECKING:
    from llama_index.core.schema import QueryBundle

    from retrieval.client import Answer, AsyncClearance, Clearance


class ClearanceRetriever(BaseRetriever):
    """Evidence as LlamaIndex's nodes, best first; none where there is nothing to rely on.

    Why there is none, or what is doubtful about it, stands in the metadata of each node
    (``action``, ``reasons``) and is lost with an empty list. An agent that shall abstain for the
    right reason calls a tool instead: :mod:`retrieval.integrations.functions`, or MCP.
    """

    def __init__(
        self,
        client: Clearance,
        *,
        async_client: AsyncClearance | None = None,
        similarity_top_k: int = 8,
        **options: Any,
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            client: whose token decides what is seen.
            async_client: for ``aretrieve``; without it a thread waits with ``client``.
            similarity_top_k: how many nodes at most.
            options: the other fields of a request, such as ``sources`` and ``filters``.
        """
        super().__init__()
        self._client = client
        self._async_client = async_client
        self._asked = {"limit": similarity_top_k, **options}

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return nodes(self._client.retrieve(query_bundle.query_str, **self._asked))

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        asked = query_bundle.query_str
        if self._async_client is not None:
            return nodes(await self._async_client.retrieve(asked, **self._asked))
        waiting = partial(self._client.retrieve, asked, **self._asked)
        return nodes(await to_thread.run_sync(waiting))


def nodes(answer: Answer) -> list[NodeWithScore]:
    """The evidence of an answer; a node's score is its calibrated relevance."""
    made = []
    for piece in answer.evidence:
        metadata = metadata_of(piece, answer)
        kept_back = [key for key in metadata if key != "id"]
        node = TextNode(
            id_=piece.chunk_id,
            text=piece.text,
            metadata=metadata,
            excluded_llm_metadata_keys=kept_back,
            excluded_embed_metadata_keys=list(metadata),
        )
        made.append(NodeWithScore(node=node, score=piece.relevance))
    return made
