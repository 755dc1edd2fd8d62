"""The shape of the code: layers, one mint, small modules, quick imports, one schema."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

import acl.audit.models
import acl.models
import acl.switches
import ingestion.models
import ingestion.records
import retrieval.flags.rows
import retrieval.records
from acl.orm import Base, Database
from tests.security.mutants import MUTANTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.catalogue import SqliteBlank

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("acl", "ingestion", "retrieval", "verifier")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
HEAVY = ("torch", "transformers", "sentence_transformers", "openvino")
LIGHT = (
    "acl",
    "acl.resolve",
    "ingestion.jobs",
    "ingestion.index.client",
    "retrieval.pipeline",
    "retrieval.runtime",
    "retrieval.cli",
    ", ".join(sorted(f"verifier.{path.stem}" for path in (ROOT / "verifier").glob("[!_]*.py"))),
)
MAX_LINES = 400
MEDIAN_LINES = 130


def name_of(path: Path) -> str:
    """A module's path as shown in a failure."""
    return str(path.relative_to(ROOT))


def nodes(path: Path) -> Iterator[ast.AST]:
    """Every node of a module."""
    return ast.walk(ast.parse(path.read_text(encoding="utf-8"), filename=str(path)))


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """(module, name) of everything a module imports; an empty name for whole modules."""
    for node in nodes(path):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}: relative import"
            for alias in node.names:
                yield node.module or "", alias.name
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, ""


def test_the_layer_contracts_hold() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command; lint_imports_command()",
            "--no-cache",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_only_resolve_can_make_a_scope() -> None:
    minters = [
        name_of(path)
        for path in MODULES
        if any("MINT" in (name, module.rsplit(".", 1)[-1]) for module, name in imports(path))
        or any(isinstance(node, ast.Attribute) and node.attr == "MINT" for node in nodes(path))
    ]
    assert minters == ["acl/resolve.py"]


def test_only_resolve_calls_the_scope_s_constructor() -> None:
    callers = [
        name_of(path)
        for path in MODULES
        for node in nodes(path)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "AccessScope"
    ]
    assert callers == ["acl/resolve.py"]


def test_nothing_is_mocked() -> None:
    for path in [*MODULES, *(ROOT / "tests").rglob("*.py")]:
        for module, name in imports(path):
            assert not module.startswith(("unittest.mock", "mock")), name_of(path)
            assert (module, name) != ("unittest", "mock"), name_of(path)


def test_no_module_is_long_and_the_median_is_short() -> None:
    lines = {name_of(path): len(path.read_text("utf-8").splitlines()) for path in MODULES}
    beside = [
        path for folder in ("tests", "tools", "training") for path in ROOT.glob(f"{folder}/**/*.py")
    ]
    beside_lines = {name_of(path): len(path.read_text("utf-8").splitlines()) for path in beside}
    every = lines | beside_lines
    assert {name: count for name, count in every.items() if count > MAX_LINES} == {}
    assert statistics.median(count for count in lines.values() if count) <= MEDIAN_LINES


def test_every_module_says_what_it_is() -> None:
    silent = [
        name_of(path)
        for path in MODULES
        if "versions" not in path.parts
        and ast.get_docstring(ast.parse(path.read_text("utf-8"))) is None
    ]
    assert silent == []


def test_no_module_is_a_drawer_for_whatever_is_left() -> None:
    drawers = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
    assert [name_of(path) for path in MODULES if path.stem in drawers] == []


def test_whoever_crosses_tenants_writes_down_why() -> None:
    crossings = 0
    for path in MODULES:
        for node in nodes(path):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "unguarded"
            ):
                crossings += 1
                reason = node.args[0] if node.args else None
                where = f"{name_of(path)}:{node.lineno}"
                assert isinstance(reason, ast.Constant), f"{where}: write the reason in place"
                assert isinstance(reason.value, str), where
                assert len(reason.value.split()) >= 3, f"{where}: say why"
    assert crossings > 5


def test_the_index_is_searched_from_one_place_above_it() -> None:
    searchers = {
        name_of(path)
        for path in MODULES
        if "index" not in path.parts
        for module, name in imports(path)
        if module == "ingestion.index.port" and name == "SearchRequest"
    }
    # One place answers. The other two examine: under a scope as well, and what they find leaves
    # them as a count.
    examiners = {"ingestion/generations/asking.py", "ingestion/erasure/probes.py"}
    assert searchers == {"retrieval/pipeline.py"} | examiners


@pytest.mark.parametrize("module", LIGHT)
def test_importing_is_quick_and_light(module: str) -> None:
    code = f"import sys, {module}; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run(  # noqa: S603 - our own interpreter, a module's name
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_every_mutant_still_finds_the_text_it_breaks() -> None:
    stale = [
        mutant.name
        for mutant in MUTANTS
        if (ROOT / mutant.file).read_text("utf-8").count(mutant.old) != 1
    ]
    assert stale == []
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


def test_the_migrations_make_what_the_models_say(blank_catalogue: SqliteBlank) -> None:
    # Imported, they have registered their tables.
    assert all((acl.audit.models, acl.models, acl.switches, ingestion.models, ingestion.records))
    assert all((retrieval.flags.rows, retrieval.records))
    database = Database(f"sqlite:///{blank_catalogue.path}")
    with database.reader.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        differences = compare_metadata(context, Base.metadata)
    database.close()
    assert differences == []
