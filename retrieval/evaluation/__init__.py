"""Measuring what the verifier is worth on labelled texts, by formulas that are written down.

Reads files of plain lines, asks the parts of the verifier that the service uses, and counts. What
must never live here: a part of the verifier, a threshold, or a data set.
"""
