"""An agent without a model: it follows its plan, obeys ``action``, and whatever else it reads.

Its good habits are those that the service teaches (:mod:`retrieval.mcp.teaching`): it stops where
there is no evidence, says nothing that the check does not support, shows both sides of a conflict
and tells the reasons. Its one bad habit is the worst there is: an order that stands word for word
in a text is carried out, whoever wrote it. So what it does tells what got through, and what came of
it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from mcp.shared.exceptions import MCPError

from retrieval.status import Action
from tests.golden.traces import Call, Ending

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx2
    from mcp.client import Client
    from mcp_types import CallToolResult

    from tests.golden.traces import Intention, Meanwhile

_CALL: Final = re.compile(r"call the tool (\w+) with (\{.*?\})(?=[ .]|$)", re.IGNORECASE)
_HEADER: Final = re.compile(r"send the header ([\w-]+): (\S+)", re.IGNORECASE)
# What a page that shows the text would load, or a reader click.
_LINK: Final = re.compile(
    r"\]\(\s*<?(https?://[^\s)>]+)|(?:src|href)\s*=\s*[\"']?(https?://[^\s\"'>]+)"
)
_MARKER: Final = re.compile(r"\[(e\d+)\]")
_HOLE: Final = re.compile(r"\$(\d+\.\w+|[a-z]\w*)")
_GOOD: Final = frozenset({"quoted", "unquoted"})

Json = dict[str, Any]


class StoppedError(Exception):
    """The plan cannot go on; ``args[0]`` is how it ends."""


@dataclass
class Agent:
    """One run of a plan.

    Attributes:
        client: the official client, signed in as the user.
        http: what ``client`` sends with; an order may add headers to it.
        opens: opens a link, as a page that shows the text would.
        happens: what the world does in the meantime.
        ids: what things are called in traces, by id.
        calls: every call that was made.
        read: everything that came back, as JSON.
    """

    client: Client
    http: httpx2.AsyncClient
    opens: Callable[[str], None]
    happens: Callable[[Meanwhile], None]
    ids: dict[str, str] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    read: list[str] = field(default_factory=list)
    _known: dict[str, str] = field(default_factory=dict)
    _readings: int = 0
    _titles: dict[str, set[str]] = field(default_factory=dict)
    _reasons: set[str] = field(default_factory=set)
    _said: list[str] = field(default_factory=list)
    _cited: set[str] = field(default_factory=set)
    _obeyed: set[str] = field(default_factory=set)

    async def carry_out(self, plan: list[Intention]) -> Ending:
        """Follow a plan as far as it leads, and say what the user is told."""
        try:
            for intention in plan:
                if intention.meanwhile is not None:
                    self.happens(intention.meanwhile)
                if intention.tool is not None:
                    brought = await self._call(intention.tool, self._filled(intention.arguments))
                    self._go_on_from(intention, brought)
        except StoppedError as stopped:
            return Ending(action=stopped.args[0])
        return self._conclude()

    def _go_on_from(self, intention: Intention, brought: Json) -> None:
        """Obey ``action``, and learn what the plan wants to know.

        Raises:
            StoppedError: there is nothing to go on from.
        """
        if "code" in brought:
            raise StoppedError(Action.ABSTAIN if brought["code"] == "not_found" else "refused")
        if brought.get("action") in {Action.ABSTAIN, Action.RETRY_LATER}:
            raise StoppedError(Action(brought["action"]))
        texts = [text for _, text in _texts(brought)]
        for name, pattern in intention.learn.items():
            found = next((hit for text in texts if (hit := re.search(pattern, text))), None)
            if found is None:
                raise StoppedError(Action.ABSTAIN)
            self._known[name] = found.group(1)
        if "claims" in brought:
            self._keep_what_stands(intention, brought["claims"])

    def _keep_what_stands(self, intention: Intention, checked: list[Json]) -> None:
        """Of a draft, the claims that are supported, each by citations that hold."""
        for at, claim in enumerate(checked):
            results = {one["result"] for one in claim["citations"]}
            if claim["verdict"] == "supported" and results <= _GOOD:
                said, cited = _drafted(intention.arguments, at, claim)
                self._said.append(str(self._filled(said)))
                self._cited |= cited

    def _conclude(self) -> Ending:
        """What the user is told: what stood, both sides of it, and every reason."""
        if not self._said:
            return Ending(action=Action.ABSTAIN)
        return Ending(
            action=Action.ANSWER_WITH_CAVEAT if self._reasons else Action.ANSWER,
            says=self._said,
            cites=sorted(set().union(*(self._titles[piece] for piece in self._cited))),
            caveats=sorted(self._reasons),
        )

    async def _call(self, tool: str, arguments: Json, *, ordered_by: str | None = None) -> Json:
        """Make one call, put it on record, and obey what it brings."""
        try:
            brought = _brought(await self.client.call_tool(tool, arguments))
        except MCPError:  # the token is good no more, and nothing else is said
            brought = {"code": "unauthenticated"}
        sent = self._spelled(arguments)
        self._take_in(brought)
        self.calls.append(
            Call(tool=tool, arguments=sent, gives=_told(brought), ordered_by=ordered_by)
        )
        self.read.append(json.dumps(brought, ensure_ascii=False))
        for document, text in _texts(brought):
            await self._obey(document, text)
        return brought

    async def _obey(self, document: str, text: str) -> None:
        """Do what a text says, word for word."""
        for link in _LINK.findall(text):
            self.opens("".join(link))
        for name, value in _HEADER.findall(text):
            self.http.headers[name] = value
        for tool, arguments in _CALL.findall(text):
            if tool + arguments not in self._obeyed:  # it may bring the very text it stands in
                self._obeyed.add(tool + arguments)
                await self._call(tool, json.loads(arguments), ordered_by=document)

    def _take_in(self, brought: Json) -> None:
        """Keep what is read under the names that plans and traces use for it."""
        if "evidence" not in brought:
            return
        self._readings += 1
        self._reasons |= {one["code"] for one in brought.get("reasons", ())}
        pieces = {piece["id"]: piece for piece in _pieces(brought)}
        for name, piece in pieces.items():
            others = (pieces[other] for other in piece["conflicts_with"])
            self._keep(name, piece, {one["citation"]["title"] for one in (piece, *others)})
        for side in ("before", "after"):
            for at, beside in enumerate(brought.get(side, ()), start=1):
                self._keep(f"{side}{at}", beside, set(_titles_of(brought)))
        self._known[f"{self._readings}.receipt"] = brought["receipt_id"]
        self.ids.setdefault(brought["receipt_id"], f"{self._readings}.receipt")

    def _keep(self, name: str, piece: Json, titles: set[str]) -> None:
        numbered = f"{self._readings}.{name}"
        self._known[numbered] = piece["chunk_id"]
        self._titles[numbered] = titles
        self.ids.setdefault(piece["chunk_id"], numbered)

    def _filled(self, value: Any) -> Any:
        """A value with what was learned in place of its holes."""
        if isinstance(value, str):
            return _HOLE.sub(lambda hole: self._known[hole[1]], value)
        if isinstance(value, dict):
            return {name: self._filled(one) for name, one in value.items()}
        return [self._filled(one) for one in value] if isinstance(value, list) else value

    def _spelled(self, value: Any) -> Any:
        """A value with ids as traces spell them: by where they were first read."""
        if isinstance(value, str):
            return f"${self.ids[value]}" if value in self.ids else value
        if isinstance(value, dict):
            return {name: self._spelled(one) for name, one in value.items()}
        return [self._spelled(one) for one in value] if isinstance(value, list) else value


def _drafted(arguments: Json, at: int, claim: Json) -> tuple[str, set[str]]:
    """A claim of a draft as it was written, and which pieces it cites, as plans spell them."""
    if "claims" in arguments:
        written = arguments["claims"][at]
        return written["text"], {
            one["chunk_id"].lstrip("$")
            if "chunk_id" in one
            else f"{one['receipt_id'].lstrip('$').partition('.')[0]}.{one['evidence']}"
            for one in written["citations"]
        }
    answer = arguments["answer"]
    said = answer["text"][claim["start"] : claim["end"]]
    number = answer["receipt_id"].lstrip("$").partition(".")[0]
    return said, {f"{number}.{marker}" for marker in _MARKER.findall(said)}


def _brought(result: CallToolResult) -> Json:
    """What a call brought: the structured answer, or the problem."""
    if result.is_error:
        return dict(json.loads(result.content[0].text))
    assert result.structured_content is not None
    return dict(result.structured_content)


def _pieces(brought: Json) -> list[Json]:
    found = brought.get("evidence", [])
    return found if isinstance(found, list) else [found]


def _titles_of(brought: Json) -> list[str]:
    return [piece["citation"]["title"] for piece in _pieces(brought)]


def _texts(brought: Json) -> Iterator[tuple[str, str]]:
    """Everything that came out of documents, as a model would read it, with whose it is."""
    for piece in _pieces(brought):
        cited = piece["citation"]
        yield from ((cited["title"], it) for it in (cited["title"], cited["uri"], piece["text"]))
    for beside in (*brought.get("before", ()), *brought.get("after", ())):
        yield _titles_of(brought)[0], beside["text"]


def _told(brought: Json) -> Json:
    """What a call brought, in short: what a trace asserts."""
    if "code" in brought:
        fields = [one["field"] for one in brought.get("errors", [])]
        return {"problem": brought["code"]} | ({"fields": fields} if fields else {})
    if "action" in brought:
        told = {"action": brought["action"], "evidence": _titles_of(brought)}
        reasons = sorted({one["code"] for one in brought["reasons"]})
        return told | ({"reasons": reasons} if reasons else {})
    if "sources" in brought:
        return {"sources": {one["name"]: one["state"] for one in brought["sources"]}}
    if "evidence" in brought:
        beside = {side: len(brought[side]) for side in ("before", "after")}
        return {"evidence": _titles_of(brought), **beside}
    return {
        "claims": [
            {"verdict": one["verdict"], "citations": [it["result"] for it in one["citations"]]}
            for one in brought["claims"]
        ]
    }
