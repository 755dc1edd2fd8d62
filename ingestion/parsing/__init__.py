"""Turning a file's bytes into text with spans, one parser per kind of file, one way in.

``registry.parse`` is the way in. What never lives here: reading files, deciding who may see what,
or sanitising what is visible (the verifier does that to every text, whatever parser it came from).
"""
