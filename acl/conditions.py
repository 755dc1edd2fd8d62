"""Neutral filter conditions: what an index must satisfy, said without naming an engine.

A caller's own filter is only ever AND-ed under the scope (:func:`under`); there is no OR, no NOT
and no way to name ``tenant`` or ``acl`` in it, so no filter can widen a view.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from acl.errors import AclError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from acl.scope import AccessScope

TENANT = "tenant"
ACL = "acl"
SOURCE = "source"
RESERVED_FIELDS = frozenset({TENANT, ACL})


class InvalidConditionError(AclError):
    """A caller's filter names a reserved field or an empty set of values."""

    code = "invalid_request"


@dataclass(frozen=True, slots=True)
class AnyOf:
    """``field`` holds at least one of ``values`` (sorted, distinct, at least one)."""

    field: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every one of ``conditions`` holds."""

    conditions: tuple[AnyOf, ...]

    def matches(self, payload: Mapping[str, str | tuple[str, ...]]) -> bool:
        """The obvious meaning, used by the in-memory oracle and by tests."""
        return all(_holds(condition, payload) for condition in self.conditions)


def _holds(condition: AnyOf, payload: Mapping[str, str | tuple[str, ...]]) -> bool:
    held = payload.get(condition.field, ())
    return not set((held,) if isinstance(held, str) else held).isdisjoint(condition.values)


def caller_filter(fields: Mapping[str, tuple[str, ...]]) -> tuple[AnyOf, ...]:
    """Make a caller's own filter: field name to accepted values, AND-ed over fields.

    Raises:
        InvalidConditionError: a reserved field, or a field without values.
    """
    conditions = []
    for field, values in sorted(fields.items()):
        if field in RESERVED_FIELDS:
            raise InvalidConditionError(f"filters.{field}: this field cannot be filtered on")
        if not values:
            raise InvalidConditionError(f"filters.{field}: give a value, or leave it out")
        conditions.append(AnyOf(field, tuple(sorted(set(values)))))
    return tuple(conditions)


def under(scope: AccessScope, own: tuple[AnyOf, ...] = ()) -> AllOf:
    """The condition every index call carries: the scope first, then the caller's own filter.

    A token narrowed to sources makes them part of the scope, so that the statistics of the words
    are taken over these alone; the caller's own filter can only narrow further.

    Raises:
        InvalidConditionError: ``own`` names a reserved field (a second lock on the same door), or
            the scope is empty, in which case the index must not be asked at all.
    """
    if scope.empty:
        raise InvalidConditionError("scope: it is empty; answer without asking the index")
    if any(condition.field in RESERVED_FIELDS for condition in own):
        raise InvalidConditionError("filters: tenant and acl are set by the scope alone")
    conditions = [AnyOf(TENANT, (scope.tenant,)), AnyOf(ACL, scope.sorted_ids)]
    if scope.sources is not None:
        conditions.append(AnyOf(SOURCE, tuple(sorted(scope.sources))))
    return AllOf((*conditions, *own))
