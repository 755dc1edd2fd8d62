"""Where documents come from. A source lists, labels and fetches; it never parses or indexes."""
