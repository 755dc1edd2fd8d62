"""The MCP surface: the same three questions as over HTTP, as tools for agents.

A tool's arguments never carry identity, tenant or ACLs: the caller is whoever the verified token
speaks for.
"""
