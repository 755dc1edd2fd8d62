"""Who may see what: principals, ACLs, and the one decision every other package asks for.

Only :func:`acl.resolve.resolve` makes an :class:`acl.scope.AccessScope`. Nothing here knows
documents, vectors or the web.
"""
