"""Help for whoever builds an agent on the service: evidence on its way into a prompt.

Pure functions of an answer. What must never live here: a call to a model, or a decision what an
agent may read; that was made before the answer left.
"""
