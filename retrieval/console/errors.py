"""What the console refuses of its own.

::

    AclError
    ├── InvalidTokenError
    │   └── SignedOutError    no session, one that is over, or one that was not made here
    └── CrossSiteError        a form was sent that is not one of this session's own
"""

from acl.errors import AclError, InvalidTokenError


class SignedOutError(InvalidTokenError):
    """There is no session to act in. Whether there ever was one is not told apart."""


class CrossSiteError(AclError):
    """A form came from another site, or without the mark of the session it was sent in."""

    code = "cross_site"
