"""The console: a small web page for people, served under ``/console``.

It asks the same functions as REST does, under the same API scopes, and shows what they say. What
must never be here: a decision about who sees what, a script, or a text of a document that was not
escaped.
"""
