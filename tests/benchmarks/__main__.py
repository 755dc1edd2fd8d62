"""``python -m tests.benchmarks``: the same as ``python -m tests.benchmarks.run``."""

import sys

from tests.benchmarks.run import main

sys.exit(main())
