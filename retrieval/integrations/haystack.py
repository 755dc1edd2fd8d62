"""Clearance in Haystack: a component that gives documents, and says what to do with them.

Identity is the token, which is named in a pipeline's file and never stands in it. What never lives
here: another way to the evidence than the client, and text of documents among the instructions.
"""

from __future__ import annotations

from typing import Any

from haystack import Document, component, default_from_dict, default_to_dict
from haystack.utils import Secret

from retrieval.client import Answer, AsyncClearance, Clearance
from retrieval.client.wire import TOKEN_VARIABLE
from retrieval.integrations.metadata import metadata_of
from retrieval.integrations.prompt import prompt_of


@component
class ClearanceRetriever:
    """Evidence as Haystack's documents, with the action to obey and a prompt that says so.

    ``action`` lets a router abstain; ``instructions`` and ``evidence`` are the two halves of a
    prompt, the second of which marks everything in it as data.
    """

    def __init__(
        self,
        url: str | None = None,
        token: Secret = Secret.from_env_var(TOKEN_VARIABLE),  # noqa: B008 - names a variable
        *,
        top_k: int = 8,
        options: dict[str, Any] | None = None,
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            url: of the service; else ``CLEARANCE_URL``.
            token: whose view it is; a pipeline's file holds its name alone.
            top_k: how many documents at most.
            options: the other fields of a request, such as ``sources`` and ``filters``.
        """
        self.url = url
        self.token = token
        self.top_k = top_k
        self.options = dict(options or {})

    def to_dict(self) -> dict[str, Any]:
        """As it stands in a pipeline's file, without the token."""
        made: dict[str, Any] = default_to_dict(
            self,
            url=self.url,
            token=self.token.to_dict(),
            top_k=self.top_k,
            options=self.options,
        )
        return made

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ClearanceRetriever:
        """From a pipeline's file."""
        given = data["init_parameters"]
        parameters = {**given, "token": Secret.from_dict(given["token"])}
        made: ClearanceRetriever = default_from_dict(cls, {**data, "init_parameters": parameters})
        return made

    @component.output_types(documents=list[Document], action=str, instructions=str, evidence=str)
    def run(self, query: str, top_k: int | None = None) -> dict[str, Any]:
        """Ask one question.

        Args:
            query: in plain words.
            top_k: how many documents at most, this time.
        """
        with Clearance(self.url, self.token.resolve_value()) as client:
            return _told(client.retrieve(query, **self._asked(top_k)))

    @component.output_types(documents=list[Document], action=str, instructions=str, evidence=str)
    async def run_async(self, query: str, top_k: int | None = None) -> dict[str, Any]:
        """The same, awaited."""
        async with AsyncClearance(self.url, self.token.resolve_value()) as client:
            return _told(await client.retrieve(query, **self._asked(top_k)))

    def _asked(self, top_k: int | None) -> dict[str, Any]:
        return {**self.options, "limit": self.top_k if top_k is None else top_k}


def documents(answer: Answer) -> list[Document]:
    """The evidence of an answer; a document's score is its calibrated relevance."""
    return [
        Document(
            id=piece.chunk_id,
            content=piece.text,
            meta=metadata_of(piece, answer),
            score=piece.relevance,
        )
        for piece in answer.evidence
    ]


def _told(answer: Answer) -> dict[str, Any]:
    prompt = prompt_of(answer)
    return {
        "documents": documents(answer),
        "action": answer.action.value,
        "instructions": prompt.instructions,
        "evidence": prompt.evidence,
    }
