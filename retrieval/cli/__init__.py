"""The command line: ``clearance``.

Whoever can read the data directory is its operator: the commands act on it directly, without a
token, and ``query`` may ask as anyone. Modules here import what they need when a command runs, so
that ``--help`` and small commands start at once.
"""


def main() -> None:
    """Run the command line (the ``clearance`` script)."""
    from retrieval.cli.app import app

    app()
