"""Who is asking: from a bearer token to a :class:`acl.caller.Caller`, and the keys we hand out.

What never lives here: what a caller may see. That is :mod:`acl.resolve`.
"""
