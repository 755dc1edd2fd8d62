"""What keeps a request bounded while something it needs is slow, hung or gone.

* :mod:`~retrieval.resilience.deadline`: how long the request may still take.
* :mod:`~retrieval.resilience.guard`: calls one dependency, never beyond that, and not at all while
  it is known to be away.
* :mod:`~retrieval.resilience.guards`: the guards of an installation, one a dependency.
* :mod:`~retrieval.resilience.memory`: what was found a moment ago, for who may see the same.

What must never live here: what is done instead. Each fallback stands where its answer is made, and
is named in the answer.
"""
