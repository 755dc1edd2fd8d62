"""Alembic migrations of the catalogue. Applied by ``clearance db upgrade`` and on first use."""
