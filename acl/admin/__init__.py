"""Changing who may see what: the directory, ACLs, policy files, synchronisation, plans, reasons.

What never lives here: a decision. What a change does is asked of :mod:`acl.resolve` like any query.
"""
