"""What happened: hash chains of events, how they are written, verified, cut, exported and signed.

What never lives here: the text of a question or of a document.
"""
