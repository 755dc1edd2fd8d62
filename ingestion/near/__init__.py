"""Near-duplicates as stored state: signatures of texts, pairs that nearly agree, conflicts.

Pairs are of texts within one tenant, and for reports alone. What a caller is shown is worked out
among the candidates visible to that caller (``retrieval.collapse``) and never read from here.
"""
