"""Filtered vector search in other engines: the same vectors, the same ACLs, the same questions."""
