"""One run over one source, step by step: list, compare, prepare, write, remove, record.

``ingestion.jobs`` is the way in. Modules here know the steps of a run and nothing of who asked for
it. What never lives here: formats, engines, and anything that is kept in memory for every document.
"""
