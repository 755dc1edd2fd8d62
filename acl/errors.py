"""Errors of the access-control package.

::

    AclError
    ├── InvalidPrincipalError     a principal is malformed
    ├── InvalidAclError           an ACL, entry or membership is malformed or would form a cycle
    ├── NotFoundError             a named tenant, principal, ACL or key does not exist
    ├── InvalidTokenError         a bearer token is absent, malformed, unknown, expired or revoked
    ├── MissingScopeError         the token is good but lacks the API scope of the operation
    ├── TenantDisabledError       the tenant is switched off
    ├── ScopeTooLargeError        the caller sees more ACLs than the configured maximum
    └── TenantGuardError          a statement on tenant data was issued without a tenant

None of these is ever answered with more access: a caller who gets one gets nothing.
"""

from __future__ import annotations


class AclError(Exception):
    """Root of this package's errors; ``code`` is stable and machine-readable."""

    code = "acl_error"


class InvalidPrincipalError(AclError):
    """A principal is malformed."""

    code = "invalid_principal"


class InvalidAclError(AclError):
    """An ACL, entry or membership is malformed or would form a cycle of parents."""

    code = "invalid_acl"


class NotFoundError(AclError):
    """A named tenant, principal, ACL or key does not exist."""

    code = "not_found"


class InvalidTokenError(AclError):
    """A bearer token is absent, malformed, unknown, expired or revoked: one message for all."""

    code = "unauthenticated"


class MissingScopeError(AclError):
    """The token is good but lacks the API scope of the operation."""

    code = "forbidden"


class TenantDisabledError(AclError):
    """The tenant is switched off."""

    code = "tenant_disabled"


class ScopeTooLargeError(AclError):
    """The caller sees more ACLs than the configured maximum; truncating would hide documents."""

    code = "scope_too_large"


class TenantGuardError(AclError):
    """A statement on tenant data was issued without a tenant: a bug, stopped before it reads."""

    code = "tenant_guard"
