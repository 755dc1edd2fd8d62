"""Errors of the access-control package.

::

    AclError
    ├── InvalidPrincipalError     a principal is malformed
    ├── InvalidAclError           an ACL, entry or membership is malformed or would form a cycle
    │   └── PolicyFileError       a file of ACLs and groups cannot be obeyed (file, line, field)
    ├── AclInUseError             an ACL was to be removed, but something stands under it
    ├── PreconditionMissingError  a change to what exists does not say which state it changes
    ├── PreconditionFailedError   what was to be changed is no longer as the change expects it
    ├── NotFoundError             a named tenant, principal, ACL or key does not exist
    ├── InvalidTokenError         a bearer token is absent, malformed, unknown, expired or revoked
    │   └── RefusedTokenError     the same, with the reason for logs (:mod:`acl.identity.faults`)
    ├── KeySetError               an issuer's keys could not be fetched or read
    ├── SpentKeyError             a key that is expired or revoked was to be replaced
    ├── EscalationError           a token was about to hand out more than it holds itself
    ├── MissingScopeError         the token is good but lacks the API scope of the operation
    ├── TenantDisabledError       the tenant is switched off
    ├── InvalidSealError          a cursor or token we issued is not valid here
    ├── AclNotCurrentError        a change the query asks to have seen has not arrived yet
    ├── ScopeTooLargeError        the caller sees more ACLs than the configured maximum
    ├── SignatureError            a signed statement was changed, or signed by a key not trusted
    ├── SigningKeyError           a signing key cannot be made, read or kept to its owner
    ├── AuditError                what happened could not be made durable, so it may not happen
    │   └── BrokenChainError      the audit was tampered with, so nothing of it may be removed
    ├── LockLostError             the connection that held a lock of the catalogue was lost
    └── TenantGuardError          a statement on tenant data was issued without a tenant

None of these is ever answered with more access: a caller who gets one gets nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from acl.caller import Caller


class AclError(Exception):
    """Root of this package's errors; ``code`` is stable and machine-readable."""

    code = "acl_error"


class InvalidPrincipalError(AclError):
    """A principal is malformed."""

    code = "invalid_principal"


class InvalidAclError(AclError):
    """An ACL, entry or membership is malformed or would form a cycle of parents."""

    code = "invalid_acl"


class PolicyFileError(InvalidAclError):
    """A file of ACLs and groups, or a listing of a directory, cannot be obeyed; nothing was done.

    Attributes:
        file: what the file is called.
        line: of the offending key or value, counted from 1; None where none is known.
        field: dotted path of it, such as ``acls.hr.allow[2]``; None for the file.
    """

    code = "invalid_policy"

    def __init__(
        self, message: str, *, file: str = "", line: int | None = None, field: str | None = None
    ) -> None:
        place = file if line is None else f"{file}:{line}"
        super().__init__(": ".join(part for part in (place, field, message) if part))
        self.file, self.line, self.field = file, line, field


class AclInUseError(AclError):
    """An ACL was to be removed, but documents or other ACLs stand under it."""

    code = "acl_in_use"


class PreconditionMissingError(AclError):
    """A change to something that exists does not say which state of it it changes."""

    code = "precondition_required"


class PreconditionFailedError(AclError):
    """What was to be changed is no longer (or not yet) as the change expects it."""

    code = "precondition_failed"


class NotFoundError(AclError):
    """A named tenant, principal, ACL or key does not exist."""

    code = "not_found"


class InvalidTokenError(AclError):
    """A bearer token is absent, malformed, unknown, expired or revoked: one message for all."""

    code = "unauthenticated"


class KeySetError(AclError):
    """An issuer's keys could not be fetched or read; whoever needs them is refused."""

    code = "keys_unavailable"


class SpentKeyError(AclError):
    """A key that is expired or revoked was to be replaced: make a new one instead."""

    code = "key_spent"


class EscalationError(AclError):
    """A token was about to hand out more than it holds itself."""

    code = "forbidden"


class MissingScopeError(AclError):
    """The token is good but lacks the API scope of the operation."""

    code = "forbidden"


class TenantDisabledError(AclError):
    """The tenant is switched off; ``caller`` is who was refused for it, where that was just told.

    It is for the audit alone.
    """

    code = "tenant_disabled"

    def __init__(self, message: str, *, caller: Caller | None = None) -> None:
        super().__init__(message)
        self.caller = caller


class InvalidSealError(AclError):
    """A cursor or token was not issued here, for this use: changed, foreign or outdated alike."""

    code = "invalid_request"


class AclNotCurrentError(AclError):
    """A change of rights that the query asks to have seen has not arrived at this replica yet."""

    code = "acl_not_current"


class ScopeTooLargeError(AclError):
    """The caller sees more ACLs than the configured maximum; truncating would hide documents."""

    code = "scope_too_large"


class SignatureError(AclError):
    """A signed statement was changed, is of another kind, or its key is not one to trust."""

    code = "bad_signature"


class SigningKeyError(AclError):
    """A signing key cannot be made or read, or others can read it."""

    code = "signing_key_unavailable"


class AuditError(AclError):
    """What happened could not be written to the audit durably: then nothing may be served."""

    code = "audit_unavailable"


class BrokenChainError(AuditError):
    """A chain of the audit is not intact: what would be removed may be what shows it."""

    code = "audit_broken"


class LockLostError(AclError):
    """A lock is no longer held that something was about to be written under."""

    code = "lock_lost"


class TenantGuardError(AclError):
    """A statement on tenant data was issued without a tenant: a bug, stopped before it reads."""

    code = "tenant_guard"
