"""The HTTP surface: routes, who may call them, and how refusals are worded.

Handlers translate and nothing more; what a caller may see is decided below this package.
"""
