"""The index: one port, three engines behind it, and no way to search without an access scope.

The only package that knows Qdrant. It holds ids, vectors and what filtering needs; never text,
never a decision on who may see what (that is made in :mod:`acl` and arrives as a condition).
"""
