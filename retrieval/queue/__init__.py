"""Runs that workers elsewhere carry out: a queue of words in the catalogue's PostgreSQL.

The row of a run is the truth (:mod:`ingestion.runs`); what is queued here is only the word that one
waits. A word lost is said again, a word said twice finds its run taken, and all of them may be
thrown away at any time. What never lives here: what a run does, and who may ask for one.
"""
