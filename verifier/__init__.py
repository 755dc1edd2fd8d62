"""Pure judgement of text: what may be read, what it tries to do, and whether a quote is true.

Nothing here reads files, speaks SQL or knows the web, and importing the package loads nothing.
"""
