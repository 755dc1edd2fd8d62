"""The demo corpus and its scenario agree with each other.

The access rules are evaluated here a second time, slowly and in plain sight, from the sidecar files
and the memberships of the scenario. Nothing of the product is used, so that the two can disagree.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import docx
import pypdfium2
import pytest
import yaml
from selectolax.lexbor import LexborHTMLParser

DEMO = Path(__file__).parents[3] / "retrieval" / "demo"
CORPUS = DEMO / "corpus"
SIDECAR = ".acl.yaml"
# The demo is played at some time after the short grants ended and before the long ones do.
NOW = datetime(2026, 6, 1, tzinfo=UTC)
SCENARIO: dict[str, Any] = yaml.safe_load((DEMO / "scenario.yaml").read_text(encoding="utf-8"))
TENANTS: dict[str, Any] = SCENARIO["tenants"]
STATUSES = {"ok", "degraded", "no_evidence"}
REASONS = {
    "no_match",
    "low_relevance",
    "stale_evidence",
    "stale_source",
    "source_failing",
    "conflicting_evidence",
    "injection_flagged",
    "injection_redacted",
    "injection_withheld",
}


@dataclass(frozen=True, slots=True)
class Link:
    """One ACL of a chain, as the sidecar states it."""

    inherit: bool
    allow: tuple[tuple[str, datetime | None], ...]
    deny: tuple[tuple[str, datetime | None], ...]


def _entries(raw: list[Any] | None) -> tuple[tuple[str, datetime | None], ...]:
    return tuple(
        (entry, None) if isinstance(entry, str) else (entry["principal"], entry["expires_at"])
        for entry in raw or ()
    )


def _link(raw: dict[str, Any]) -> Link:
    assert set(raw) <= {"inherit", "allow", "deny", "files"}, raw
    return Link(raw.get("inherit", True), _entries(raw.get("allow")), _entries(raw.get("deny")))


@functools.cache
def _sidecar(folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((folder / SIDECAR).read_text(encoding="utf-8"))
    return loaded


def documents(tenant: str) -> dict[str, Path]:
    """Every document of a tenant by the name the scenario uses."""
    root = CORPUS / tenant
    return {
        path.relative_to(root).as_posix(): path
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name != SIDECAR
    }


def chain(tenant: str, document: str) -> list[Link]:
    """The ACLs that speak about a document, from itself up to the first that does not inherit."""
    path = CORPUS / tenant / document
    source = CORPUS / tenant / Path(document).parts[0]
    own = _sidecar(path.parent).get("files", {})
    links = [_link(raw) for pattern, raw in own.items() if fnmatchcase(path.name, pattern)]
    assert len(links) <= 1, f"two overrides speak about {document}"
    folder = path.parent
    while True:
        links.append(_link(_sidecar(folder)))
        if folder == source:
            break
        folder = folder.parent
    for index, link in enumerate(links):
        if not link.inherit:
            return links[: index + 1]
    return links


def principals(tenant: str, subject: str) -> set[str]:
    """The subject, every group it reaches, and `everyone`."""
    groups: dict[str, list[str]] = TENANTS[tenant]["groups"]
    reached = {subject, "everyone"}
    while True:
        more = {f"group:{name}" for name, members in groups.items() if reached & set(members)}
        if more <= reached:
            return reached
        reached |= more


def sees(tenant: str, subject: str, document: str) -> bool:
    """An unexpired allow names the caller, and no unexpired deny does."""
    mine = principals(tenant, subject)

    def names(entries: tuple[tuple[str, datetime | None], ...]) -> bool:
        return any(who in mine and (until is None or until > NOW) for who, until in entries)

    links = chain(tenant, document)
    return any(names(link.allow) for link in links) and not any(names(link.deny) for link in links)


@functools.cache
def text_of(path: Path) -> str:
    """The words of a document, white space folded; good enough to look for a phrase."""
    match path.suffix:
        case ".pdf":
            pdf = pypdfium2.PdfDocument(path)
            text = "\n".join(pdf[page].get_textpage().get_text_range() for page in range(len(pdf)))
            pdf.close()
        case ".docx":
            document = docx.Document(str(path))
            cells = [c.text for table in document.tables for row in table.rows for c in row.cells]
            text = "\n".join([*(p.text for p in document.paragraphs), *cells])
        case ".html":
            tree = LexborHTMLParser(path.read_text(encoding="utf-8"))
            tree.strip_tags(["script", "style"])
            text = tree.root.text(separator=" ") if tree.root else ""
        case _:
            text = path.read_text(encoding="utf-8")
    return " ".join(text.split())


ALL = [(tenant, name, path) for tenant in TENANTS for name, path in documents(tenant).items()]
QUESTIONS: list[dict[str, Any]] = SCENARIO["questions"]
UNANSWERABLE: list[dict[str, Any]] = SCENARIO["unanswerable"]
FORBIDDEN = [entry for entry in UNANSWERABLE if entry["kind"] == "forbidden"]
SHOWCASE: list[dict[str, Any]] = SCENARIO["showcase"]


def _name(entry: dict[str, Any]) -> str:
    return f"{entry['tenant']}-{entry['as']}-{entry['query'][:30]}"


def test_the_corpus_has_the_size_and_the_formats_it_promises() -> None:
    formats = Counter(path.suffix for _, _, path in ALL)
    assert len(ALL) >= 80
    assert formats[".pdf"] >= 5
    assert formats[".docx"] >= 5
    assert formats[".html"] >= 12
    assert set(formats) == {".md", ".txt", ".html", ".pdf", ".docx"}
    assert sum(path.stat().st_size for _, _, path in ALL) < 6_000_000


def test_documents_are_of_realistic_length() -> None:
    words = [len(text_of(path).split()) for _, _, path in ALL]
    assert sum(count >= 4000 for count in words) >= 6
    assert sum(300 <= count <= 1200 for count in words) >= 0.85 * len(words)
    assert min(words) >= 250


def test_long_pdfs_have_many_pages() -> None:
    for _, name, path in ALL:
        if path.suffix == ".pdf" and len(text_of(path).split()) >= 4000:
            pdf = pypdfium2.PdfDocument(path)
            pages = len(pdf)
            pdf.close()
            assert 6 <= pages <= 15, name


def test_every_folder_that_holds_documents_has_a_sidecar_and_every_document_a_reader() -> None:
    for tenant, name, path in ALL:
        assert (path.parent / SIDECAR).is_file(), name
        assert any(link.allow for link in chain(tenant, name)), name


def test_every_override_names_a_document_that_exists() -> None:
    for sidecar in CORPUS.rglob(SIDECAR):
        present = [path.name for path in sidecar.parent.iterdir()]
        for pattern in _sidecar(sidecar.parent).get("files", {}):
            assert any(fnmatchcase(name, pattern) for name in present), f"{sidecar}: {pattern}"


def test_every_principal_of_a_sidecar_is_declared_in_the_scenario() -> None:
    for tenant, world in TENANTS.items():
        known = {"everyone"}
        for kind in ("users", "groups", "services"):
            known |= {f"{kind[:-1]}:{name}" for name in world[kind]}
        assert {member for members in world["groups"].values() for member in members} <= known
        for name in documents(tenant):
            for link in chain(tenant, name):
                assert {who for who, _ in (*link.allow, *link.deny)} <= known, name


def test_every_folder_of_a_tenant_is_a_source_of_the_scenario() -> None:
    for tenant, world in TENANTS.items():
        declared = {source["path"] for source in world["sources"]}
        assert declared == {f"{tenant}/{p.name}" for p in (CORPUS / tenant).iterdir()}
    assert any(s.get("stale") for world in TENANTS.values() for s in world["sources"])


@pytest.mark.parametrize("entry", QUESTIONS, ids=_name)
def test_an_answerable_question_is_answered_by_something_the_caller_sees(
    entry: dict[str, Any],
) -> None:
    known = documents(entry["tenant"])
    visible = [d for d in entry["expect_documents"] if sees(entry["tenant"], entry["as"], d)]
    assert set(entry["expect_documents"]) <= set(known)
    assert visible
    assert any(entry["expect_text"] in text_of(known[document]) for document in visible)


@pytest.mark.parametrize("entry", FORBIDDEN, ids=_name)
def test_a_forbidden_answer_is_visible_to_the_cleared_and_nowhere_to_the_caller(
    entry: dict[str, Any],
) -> None:
    tenant, known = entry["tenant"], documents(entry["tenant"])
    answer = re.sub(r"\s*\|\s*", " ", entry["answer_text"])

    def answers(document: str) -> bool:
        return answer in re.sub(r"\s*\|\s*", " ", text_of(known[document]))

    assert any(sees(tenant, entry["cleared"], d) and answers(d) for d in entry["documents"])
    assert not any(sees(tenant, entry["as"], document) for document in entry["documents"])
    leaks = [d for d in known if answers(d) and sees(tenant, entry["as"], d)]
    assert leaks == []


def test_there_are_enough_questions_of_every_kind() -> None:
    kinds = Counter(entry["kind"] for entry in UNANSWERABLE)
    assert len(QUESTIONS) >= 60
    assert len(UNANSWERABLE) >= 40
    assert set(kinds) == {"absent", "foreign", "forbidden"}
    assert min(kinds.values()) >= 10


def test_everyone_who_asks_exists() -> None:
    for entry in (*QUESTIONS, *UNANSWERABLE, *SHOWCASE):
        kind, _, name = entry["as"].partition(":")
        assert name in TENANTS[entry["tenant"]][f"{kind}s"], entry


@pytest.mark.parametrize("step", SHOWCASE, ids=lambda step: str(step["step"]))
def test_a_step_of_the_demo_expects_what_the_access_rules_allow(step: dict[str, Any]) -> None:
    tenant, known = step["tenant"], documents(step["tenant"])
    expected = step.get("expect_documents", [])
    listed = [*expected, *step.get("also_in", [])]
    if "finding_in" in step:
        listed.append(step["finding_in"])
    assert set(listed) <= set(known)
    assert all(sees(tenant, step["as"], document) for document in listed)
    assert set(step.get("expect_reasons", [])) <= REASONS
    assert step.get("expect_status", "ok") in STATUSES
    for text in step.get("conflict", []):
        assert any(text in text_of(known[document]) for document in expected), text
    for document in step.get("forbid_documents", []):
        assert document in known
        # Only a change made by the step itself may take away what the sidecars grant.
        assert sees(tenant, step["as"], document) == ("change" in step), document


def test_a_denied_member_would_see_the_document_without_the_deny() -> None:
    review = "handbook/branches/north-region-review-2025.md"
    assert "group:branch-managers" in principals("meridian", "user:goran")
    assert not sees("meridian", "user:goran", review)
    assert sees("meridian", "user:irina", review)


def test_grants_expire_in_the_past_and_far_in_the_future() -> None:
    ends = {
        until
        for tenant, name, _ in ALL
        for link in chain(tenant, name)
        for _, until in link.allow
        if until
    }
    assert min(ends).year == 2025
    assert max(ends).year >= 2035


def test_groups_are_nested_three_deep() -> None:
    assert {"group:treasury-desk", "group:treasury", "group:finance", "group:staff"} <= principals(
        "meridian", "user:ana"
    )


def test_the_same_text_stands_under_one_acl_twice_and_under_two_acls() -> None:
    runbooks = CORPUS / "meridian/operations/it-security/runbooks"
    assert (runbooks / "lost-laptop.txt").read_bytes() == (
        runbooks / "stolen-device.txt"
    ).read_bytes()
    one, other = "operations/treasury/fx-hedging-limits.md", "operations/board/fx-hedging-limits.md"
    known = documents("meridian")
    assert known[one].read_bytes() == known[other].read_bytes()
    assert chain("meridian", one) != chain("meridian", other)


def test_one_document_hides_its_orders_in_unicode_tags() -> None:
    tagged = [
        name
        for _, name, path in ALL
        if path.suffix == ".md" and re.search("[\U000e0020-\U000e007e]", path.read_text("utf-8"))
    ]
    assert tagged == ["operations/vendors/brightline-review-2025-q2.md"]
