"""The demo: a packaged corpus of two tenants, and the scenario that is played on it."""
