"""Getting documents in: sources, parsing, chunks, vectors, the catalogue, freshness.

The catalogue is the source of truth; the index can always be rebuilt from it. Nothing here knows
the web.
"""
