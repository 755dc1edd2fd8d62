"""Budgets and admission: how much of the service one user and one tenant may have at a time.

Every answer to a caller over HTTP or MCP passes through :class:`~retrieval.limits.admission.
Admission`. What a caller may *see* is decided elsewhere and never here; the local command line,
whose user owns the machine, is not held to any of this.
"""
