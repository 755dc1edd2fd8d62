"""The audit as a frame, and what auditors ask of it.

Who saw what, what was refused, whom a correction concerns, and how soon a revocation took hold.

For whoever holds ``audit``: unlike everywhere else in this package, people stand here by name.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from retrieval.quality.extra import pandas
from retrieval.quality.synthetic_access import made_up_events

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import pandas as pd

EVENT_COLUMNS: Final = {
    "at": "datetime64[us, UTC]",
    "stream": "string",
    "seq": "int64",
    "kind": "string",
    "subject": "string",
    "actors": "object",
    "view": "string",
    "status": "string",
    "operation": "string",
    "code": "string",
    "target": "string",
    "shown": "object",
}
_SHOWING: Final = ("query", "evidence")
_TAKING: Final = ("member.remove", "acl.revoke", "principal.disable")
_PAGE: Final = 1_000


def load_audit() -> pd.DataFrame:
    """Every event of a tenant's audit, oldest first: of a service, or made up.

    ``CLEARANCE_URL`` and ``CLEARANCE_TOKEN`` (scope ``audit``) name the service; reading it is on
    record itself. Without them it is a made-up month of a few people.

    Returns:
        ``at``, ``stream``, ``seq``, ``kind``, ``subject``, ``actors`` (through whom), ``view``,
        ``status``, ``operation`` and ``code`` (of a refusal), ``target`` (whom an administrator
        took something from), ``shown`` (pairs of document and version).

    Raises:
        retrieval.client.ClientError: the service does not answer, or refuses the token.
        MissingExtraError: pandas is not installed.
    """
    url = os.environ.get("CLEARANCE_URL")
    return frame_of(_of_service() if url else made_up_events())


def frame_of(events: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Events as ``GET /v1/audit`` tells them, with their ``stream``, as a frame."""
    rows = [_row(event) for event in events]
    frame = pandas().DataFrame.from_records(rows, columns=list(EVENT_COLUMNS))
    frame["at"] = pandas().to_datetime(frame["at"], utc=True, format="ISO8601")
    return frame.astype(EVENT_COLUMNS).sort_values(["at", "seq"], ignore_index=True)


def shown(events: pd.DataFrame) -> pd.DataFrame:
    """What was shown to whom: one row for each document of each answer that left.

    An answer that was withdrawn before it left is not among them, nor is a check of claims, which
    shows nothing new.

    Returns:
        ``at``, ``subject``, ``actors``, ``document``, ``version``.
    """
    rows = events[events["kind"].isin(_SHOWING)]
    long = rows[["at", "subject", "actors", "shown"]].explode("shown").dropna(subset=["shown"])
    return pandas().DataFrame(
        {
            "at": long["at"].array,
            "subject": long["subject"].array,
            "actors": long["actors"].map(", ".join).to_numpy(),
            "document": long["shown"].map(lambda pair: pair[0]).astype("string").array,
            "version": long["shown"].map(lambda pair: pair[1]).astype("int64").array,
        }
    )


def who_saw(events: pd.DataFrame, document: str) -> pd.DataFrame:
    """Everybody who was shown a document, the last first.

    Returns:
        ``subject``, ``times``, ``first``, ``last``, ``versions``.
    """
    seen = shown(events)
    return (
        seen[seen["document"] == document]
        .groupby("subject", as_index=False)
        .agg(
            times=("at", "size"),
            first=("at", "min"),
            last=("at", "max"),
            versions=("version", lambda versions: sorted(set(versions))),
        )
        .sort_values("last", ascending=False, ignore_index=True)
    )


def reach(events: pd.DataFrame) -> pd.DataFrame:
    """How far documents reach: ``document``, ``people``, ``times``, ``last``; the widest first."""
    return (
        shown(events)
        .groupby("document", as_index=False)
        .agg(people=("subject", "nunique"), times=("at", "size"), last=("at", "max"))
        .sort_values(["people", "times"], ascending=False, ignore_index=True)
    )


def after_correction(events: pd.DataFrame, document: str, *, version: int) -> pd.DataFrame:
    """Who was shown what a correction concerns, and whether they have seen the corrected text.

    Args:
        events: the audit.
        document: which was corrected.
        version: the first that is right.

    Returns:
        ``subject``, ``times`` (the old text was shown), ``last`` (time of it), ``informed`` (the
        new text was shown to them later), ``after`` (times that the old text was shown once the new
        one had been shown to anybody: should be 0). Those to be told come first.
    """
    seen = shown(events)
    seen = seen[seen["document"] == document]
    old, new = seen[seen["version"] < version], seen[seen["version"] >= version]
    turn = new["at"].min()
    table = old.assign(late=(old["at"] > turn).astype("int64")).groupby("subject", as_index=False)
    found = table.agg(times=("at", "size"), last=("at", "max"), after=("late", "sum"))
    right = new.groupby("subject", as_index=False).agg(told=("at", "max"))
    joined = found.merge(right, on="subject", how="left")
    joined["informed"] = (joined["told"] > joined["last"]).fillna(value=False).astype("bool")
    return joined[["subject", "times", "last", "informed", "after"]].sort_values(
        ["informed", "last"], ascending=[True, False], ignore_index=True
    )


def denials(events: pd.DataFrame) -> pd.DataFrame:
    """Refusals: ``at``, ``subject``, ``operation``, ``code``."""
    refused = events[events["kind"] == "denial"]
    return refused[["at", "subject", "operation", "code"]].reset_index(drop=True)


def revocations(events: pd.DataFrame) -> pd.DataFrame:
    """How soon each revocation took hold, by what its person was answered from then on.

    The first answer after it must be under another view than the last before it, unless what was
    taken gave them nothing that they had not otherwise.

    Returns:
        ``at``, ``kind``, ``subject`` (from whom), ``answers_after`` (under the old view, until the
        first under another: 0 if it held at once), ``seconds`` (from the revocation to the last of
        them; 0), ``asked_again`` (seconds to the first answer after it; NaN if none yet).
    """
    taken = events[events["kind"].isin(_TAKING) & events["target"].notna()]
    answers = events[events["kind"].isin(_SHOWING)]
    rows = []
    for one in taken.itertuples():
        own = answers[answers["subject"] == one.target]
        before, after = own[own["at"] <= one.at], own[own["at"] > one.at]
        view = before["view"].iloc[-1] if len(before) else None
        same = (after["view"] == view).fillna(value=False).to_numpy(int)
        held = after[same.cumprod().astype(bool)]
        rows.append(
            (
                one.at,
                one.kind,
                one.target,
                len(held),
                (held["at"].max() - one.at).total_seconds() if len(held) else 0.0,
                (after["at"].min() - one.at).total_seconds() if len(after) else float("nan"),
            )
        )
    columns = ["at", "kind", "subject", "answers_after", "seconds", "asked_again"]
    types = {"answers_after": "int64", "seconds": "float64", "asked_again": "float64"}
    return pandas().DataFrame.from_records(rows, columns=columns).astype(types)


def _row(event: Mapping[str, Any]) -> tuple[Any, ...]:
    body = event["body"] if isinstance(event["body"], dict) else {}
    pieces = [(piece["document"], piece["version"]) for piece in body.get("evidence", ())]
    return (
        event["at"],
        event["stream"],
        event["seq"],
        event["kind"],
        body.get("subject"),
        body.get("actors", []),
        body.get("view"),
        body.get("status"),
        body.get("operation"),
        body.get("code"),
        body.get("member") or body.get("principal"),
        list(dict.fromkeys(pieces)),
    )


def _of_service() -> Iterator[dict[str, Any]]:
    """Both streams of the token's tenant, page by page."""
    import httpx  # noqa: PLC0415 - made-up events need none

    from retrieval.client.wire import Connection, refusal, unreached  # noqa: PLC0415 - the same

    connection = Connection.of(None, None, timeout=60, attempts=3)
    with httpx.Client(**connection.options()) as http:
        for stream in ("access", "administration"):
            turn: dict[str, str] = {}
            while True:
                params = {"stream": stream, "limit": str(_PAGE), **turn}
                try:
                    reply = http.get("/v1/audit", params=params)
                except httpx.TransportError as error:
                    raise unreached(error) from error
                if reply.is_error:
                    raise refusal(reply)
                page = reply.json()
                for event in page["events"]:
                    yield {**event, "stream": stream}
                if page["next"] is None:
                    break
                turn = {"cursor": page["next"]}
