"""A cache in front of :func:`acl.resolve.resolve`, which stays the only decision.

A scope is kept per caller and used only while the tenant's ``acl_version`` is the one it was made
from and nothing it rests on has expired; a query therefore costs one indexed read when nothing
changed, and a revocation that has returned is seen by the very next query. The view beside it is
kept while ``content_version`` stands still.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from acl.resolve import DEFAULT_MAX_ACLS, resolve, versions_of
from acl.view import View, view_of

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from acl.caller import Caller
    from acl.scope import AccessScope


@dataclass(frozen=True, slots=True)
class Resolved:
    """A scope, what it covers, and the content version that was true of."""

    scope: AccessScope
    view: View
    content_version: int


class Resolver:
    """Resolves callers, remembering the latest result of each. Thread-safe.

    Args:
        secret: keys the view digest.
        max_acls: see :func:`acl.resolve.resolve`.
        size: how many callers are remembered.
    """

    def __init__(
        self, secret: bytes, *, max_acls: int = DEFAULT_MAX_ACLS, size: int = 4_096
    ) -> None:
        self._secret = secret
        self._max_acls = max_acls
        self._size = size
        self._known: OrderedDict[Caller, Resolved] = OrderedDict()
        self._lock = threading.Lock()

    def resolve(self, session: Session, caller: Caller, *, now: datetime) -> Resolved:
        """The caller's scope and view at ``now``, in the snapshot of ``session``.

        Raises:
            NotFoundError, TenantDisabledError, ScopeTooLargeError: as ``acl.resolve.resolve``.
        """
        scope, known, content_version = self._scope(session, caller, now)
        if known is not None and known.scope is scope and known.content_version == content_version:
            return known
        view = view_of(session, scope, secret=self._secret)
        fresh = Resolved(scope, view, content_version)
        with self._lock:
            self._known[caller] = fresh
            self._known.move_to_end(caller)
            while len(self._known) > self._size:
                self._known.popitem(last=False)
        return fresh

    def scope(self, session: Session, caller: Caller, *, now: datetime) -> AccessScope:
        """The caller's scope alone: what a last look before the answer leaves needs.

        Raises:
            NotFoundError, TenantDisabledError, ScopeTooLargeError: as ``acl.resolve.resolve``.
        """
        return self._scope(session, caller, now)[0]

    def _scope(
        self, session: Session, caller: Caller, now: datetime
    ) -> tuple[AccessScope, Resolved | None, int]:
        """The scope, what was remembered of the caller, and the content version."""
        versions = versions_of(session, caller.tenant)
        with self._lock:
            known = self._known.get(caller)
        if (
            known is not None
            and known.scope.acl_version == versions.acl
            and not known.scope.expired(now)
            and (_as_narrowed(known.scope) or known.content_version == versions.content)
        ):
            return known.scope, known, versions.content
        scope = resolve(session, caller, now=now, max_acls=self._max_acls, versions=versions)
        return scope, known, versions.content


def _as_narrowed(scope: AccessScope) -> bool:
    """Whether its sources are the token's own: not named by what was there when it was made.

    With a source switched off they are, and one that is new since then would not be among them.
    """
    return scope.sources == scope.caller.narrowing.sources
