"""A run whose heavy stages (parse, chunk, embed) are done by other processes, on Ray.

One process drives the run as ever: it asks the source, compares, and is the only one that writes.
So everything that holds of a run holds of this one: its order, its locks, its report, and that it
can be repeated. The workers are given bytes and texts and give back chunks and vectors; they know
no catalogue, no index and no rights. What never lives here: writing.
"""
