"""Counting: what is counted, and where to. No label ever names a tenant, a caller or a document.

Code far from the application (the recheck of the pipeline, say) reaches the metrics of its request
through :func:`current`; the web layer binds them for the length of a request. Outside of one, on
the command line for instance, counting costs nothing and needs no library.

:mod:`retrieval.metrics.families` is the one table of what there is; :mod:`~retrieval.metrics.port`
is what callers see; :mod:`~retrieval.metrics.prometheus` does the counting in a service.
"""

from retrieval.metrics.bound import bound, current
from retrieval.metrics.port import OK, Metrics
from retrieval.metrics.prometheus import PrometheusMetrics

__all__ = ["OK", "Metrics", "PrometheusMetrics", "bound", "current"]
