"""Turning text into vectors: one port, one runtime each behind it.

``port`` is what the rest of ingestion sees and ``factory`` what it calls. Importing this package
imports no model runtime.
"""
