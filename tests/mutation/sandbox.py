"""Where a mutant runs: a forked process that imports the changed module from memory.

What never lives here: which change, and which tests.
"""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import time
import traceback
import warnings
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.metadata import entry_points
from importlib.util import spec_from_file_location
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ast
    from collections.abc import Sequence
    from pathlib import Path
    from types import CodeType, ModuleType

    from tests.mutation.operators import Mutant
    from tests.mutation.targets import Target

# Everything that the project imports of others is imported once, before anything is forked; what
# may be changed, and what imports it, must not be. The verifier knows nothing of the others.
_WHAT_IS_IMPORTED = """
import sys, warnings
warnings.simplefilter("ignore")
import hypothesis.strategies, retrieval.pipeline, retrieval.runtime, tests.support.installation
print(*sys.modules)
"""
_PACKAGES = ("acl", "ingestion", "retrieval")
_FAILED = 1  # pytest: tests ran and some failed
_POLL_SECONDS = 0.02
_MAKE_BLANK = """
import sys
from pathlib import Path
from tests.support.catalogue import SqliteBlank
SqliteBlank.make(Path(sys.argv[1]))
"""


class Outcome(StrEnum):
    """What became of a mutant. A module that cannot be imported any more is noticed too."""

    NOTICED = "noticed"
    SURVIVED = "survived"


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Ready to fork.

    Attributes:
        root: of the project.
        scratch: for files of the tests.
    """

    root: Path
    scratch: Path

    @classmethod
    def prepared(cls, root: Path, scratch: Path) -> Sandbox:
        """Import the libraries and make what every test run would make anew."""
        names = _python(root, _WHAT_IS_IMPORTED).split()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            plugins = [plugin.module for plugin in entry_points(group="pytest11")]
            for name in ("pytest", *plugins, *names):
                if name.partition(".")[0] not in {*_PACKAGES, "tests", "__main__"}:
                    with suppress(ImportError):
                        importlib.import_module(name)
        if any(name.partition(".")[0] in _PACKAGES for name in sys.modules):
            raise RuntimeError("the project was imported before the fork, so no mutant would show")
        blank = scratch / "blank.sqlite"
        _python(root, _MAKE_BLANK, str(blank))
        os.environ["CLEARANCE_TEST_BLANK"] = str(blank)
        os.environ["HYPOTHESIS_PROFILE"] = "mutants"
        return cls(root, scratch)

    def unbroken(self, target: Target) -> float:
        """Seconds the tests take as things stand.

        Raises:
            RuntimeError: they fail, with what pytest said.
        """
        started = time.monotonic()
        child = self._fork(target, None)
        if self._wait(child, limit=600) != 0:
            said = (self.scratch / f"{child}.log").read_text(encoding="utf-8")
            raise RuntimeError(f"{target.module}: its tests fail unbroken\n{said[-3000:]}")
        return time.monotonic() - started

    def run(self, target: Target, mutant: Mutant, limit: float) -> Outcome:
        """What the tests say of a mutant; those that do not end within ``limit`` s have noticed."""
        code = self._wait(self._fork(target, mutant.tree), limit=limit)
        return Outcome.SURVIVED if code == 0 else Outcome.NOTICED

    def _fork(self, target: Target, tree: ast.Module | None) -> int:
        sys.stdout.flush()
        child = os.fork()
        if child:
            return child
        code = _FAILED  # an error in the changed module is noticed too
        try:
            os.setpgid(0, 0)
            code = self._inside(target, tree)
        except BaseException:  # noqa: BLE001 - nothing may return into the parent's code
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _inside(self, target: Target, tree: ast.Module | None) -> int:
        with (self.scratch / f"{os.getpid()}.log").open("w") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        os.chdir(self.root)
        if tree is not None:
            path = self.root / target.file
            sys.meta_path.insert(0, _Changed(target.module, path, tree))
        import pytest  # noqa: PLC0415 - imported before the fork

        base = self.scratch / f"base-{os.getpid()}"
        options = ["-x", "-q", "-p", "no:cacheprovider", "-k", "not postgres"]
        # Plugins were imported before the fork; nobody reads their assertions.
        options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
        return int(pytest.main([*options, f"--basetemp={base}", *target.tests]))

    @staticmethod
    def _wait(child: int, *, limit: float) -> int:
        """The exit code; after ``limit`` seconds the child and its children are ended."""
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            time.sleep(_POLL_SECONDS)
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return _FAILED


def _python(root: Path, code: str, *arguments: str) -> str:
    """What a piece of code prints in a process of its own."""
    return subprocess.run(  # noqa: S603 - our own interpreter, our own arguments
        [sys.executable, "-c", code, *arguments],
        cwd=root,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout


class _Changed(MetaPathFinder):
    """Finds one module, and gives it another body."""

    def __init__(self, module: str, path: Path, tree: ast.Module) -> None:
        self._module, self._path, self._tree = module, path, tree

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        if fullname != self._module:
            return None
        loader = _Loader(fullname, str(self._path), self._tree)
        return spec_from_file_location(fullname, self._path, loader=loader)


class _Loader(SourceFileLoader):
    def __init__(self, name: str, path: str, tree: ast.Module) -> None:
        super().__init__(name, path)
        self._tree = tree

    def get_code(self, fullname: str) -> CodeType:
        """Compiled from the changed tree; no byte code is read or written."""
        return self.source_to_code(self._tree, self.get_filename(fullname))  # type: ignore[arg-type] # a tree is fine
