"""The retrieval service: queries, evidence, the web, MCP, the command line.

The only package that knows the web. It asks :mod:`acl` what a caller may see, :mod:`ingestion` for
what is stored, and :mod:`verifier` how far text can be trusted; it decides none of these itself.
"""
