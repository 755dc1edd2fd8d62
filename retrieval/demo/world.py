"""Setting the demo up: people, groups and sources of the scenario, ingested by the real job."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from acl.admin import acls, directory
from acl.entries import AclEntry, Effect
from acl.models import AclEntryRow, AclRow
from acl.principal import Principal, PrincipalKind
from ingestion.jobs import SourceConfig, ingest
from ingestion.models import DocumentRow
from ingestion.sources.folder import FolderSource
from retrieval.demo.scenario import CORPUS

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from ingestion.report import Progress, RunReport
    from retrieval.demo.scenario import Scenario, SourceEntry, TenantEntry
    from retrieval.runtime import Runtime

    OnSource = Callable[[str, Progress], None]

STALE_BY = 3  # a stale source was last synchronised this many times its SLA ago


def set_up(runtime: Runtime, scenario: Scenario, on_source: OnSource) -> list[RunReport]:
    """Bring the installation to the scenario's state. Repeating it changes nothing."""
    reports = []
    for tenant, entry in scenario.tenants.items():
        directory.ensure_tenant(runtime.database, tenant, now=runtime.clock())
        people(runtime, tenant, entry)
        reports += [_ingest(runtime, tenant, source, on_source) for source in entry.sources]
    return reports


def people(runtime: Runtime, tenant: str, entry: TenantEntry) -> None:
    """Make the tenant's principals known and its memberships so."""
    now = runtime.clock()
    with runtime.database.write(tenant) as session:
        for kind, names in (
            (PrincipalKind.USER, entry.users),
            (PrincipalKind.SERVICE, entry.services),
        ):
            for name in names:
                directory.ensure_principal(session, tenant, Principal(kind, name), now=now)
        for group, members in entry.groups.items():
            for member in members:
                directory.add_member(
                    session,
                    tenant,
                    Principal(PrincipalKind.GROUP, group),
                    Principal.parse(member),
                    now=now,
                )


def _ingest(runtime: Runtime, tenant: str, source: SourceEntry, on_source: OnSource) -> RunReport:
    context = runtime.ingest_context()
    if source.stale:
        past = timedelta(seconds=STALE_BY * source.max_age_seconds)
        context = replace(context, clock=lambda: runtime.clock() - past)
    root = CORPUS / source.path
    return ingest(
        context,
        FolderSource(root, name=source.name),
        tenant=tenant,
        config=SourceConfig("folder", {"root": str(root)}, source.max_age_seconds, source.on_stale),
        on_progress=lambda progress: on_source(f"{tenant}/{source.name}", progress),
    )


def apply_change(
    runtime: Runtime, tenant: str, change: dict[str, dict[str, str]]
) -> Callable[[], None]:
    """Make one change of rights; returns what undoes it."""
    ((kind, values),) = change.items()
    if kind == "remove_member":
        group = Principal(PrincipalKind.GROUP, values["group"])
        return _remove_member(runtime, tenant, group, Principal.parse(values["member"]))
    if kind == "remove_entry":
        return _remove_entry(runtime, tenant, values)
    raise ValueError(f"change {kind!r}: the demo knows remove_member and remove_entry")


def _remove_member(
    runtime: Runtime, tenant: str, group: Principal, member: Principal
) -> Callable[[], None]:
    with runtime.database.write(tenant) as session:
        directory.remove_member(session, tenant, group, member)

    def undo() -> None:
        with runtime.database.write(tenant) as session:
            directory.add_member(session, tenant, group, member, now=runtime.clock())

    return undo


def _remove_entry(runtime: Runtime, tenant: str, values: dict[str, str]) -> Callable[[], None]:
    principal, effect = Principal.parse(values["principal"]), Effect(values["effect"])
    with runtime.database.write(tenant) as session:
        acl = _acl_of(session, tenant, values["document"])
        row = session.get_one(AclEntryRow, (tenant, acl.id, effect.value, str(principal)))
        name, entry = acl.name, AclEntry(effect, principal, row.expires_at)
        acls.revoke(session, tenant, name, effect, principal)

    def undo() -> None:
        with runtime.database.write(tenant) as session:
            acls.grant(session, tenant, name, entry, now=runtime.clock())

    return undo


def _acl_of(session: Session, tenant: str, document: str) -> AclRow:
    source, _, external_id = document.partition("/")
    acl_id = session.scalars(
        select(DocumentRow.acl_id).where(
            DocumentRow.tenant == tenant,
            DocumentRow.source == source,
            DocumentRow.external_id == external_id,
        )
    ).one()
    return session.get_one(AclRow, (tenant, acl_id))
