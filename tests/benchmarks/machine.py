"""The machine and the versions a run was made with, as far as the system tells."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

_TELLING_FLAGS: Final = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "asimd")
_PACKAGES: Final = (
    *("clearance-retrieval", "qdrant-edge-py", "onnxruntime", "sqlalchemy", "fastapi", "numpy"),
    *("sentence-transformers", "torch", "chromadb"),
)


def describe() -> dict[str, Any]:
    """Processor, memory, system, versions and the date."""
    cpu = _fields(Path("/proc/cpuinfo"))
    memory = _fields(Path("/proc/meminfo")).get("MemTotal", "")
    flags = cpu.get("flags", cpu.get("Features", "")).split()
    return {
        "cpu": cpu.get("model name", platform.processor() or platform.machine()),
        "cores": len(os.sched_getaffinity(0)),
        "cpu_flags": [flag for flag in _TELLING_FLAGS if flag in flags],
        "memory_gib": round(int(memory.split()[0]) / 2**20) if memory else None,
        "load_before": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in _PACKAGES},
        "date": datetime.now(UTC).date().isoformat(),
    }


def sentence(machine: dict[str, Any]) -> str:
    """The machine in one line."""
    flags = ", ".join(machine["cpu_flags"]) or "no vector flags known"
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    return (
        f"{machine['cores']} cores of {machine['cpu']} ({flags}), {machine['memory_gib']} GiB, "
        f"{machine['system']}, Python {machine['python']}; {versions}; {machine['date']}, load "
        f"{machine['load_before']} before the run"
    )


def _fields(path: Path) -> dict[str, str]:
    """``name: value`` lines, the first of each name."""
    found: dict[str, str] = {}
    if path.exists():
        for line in path.read_text().splitlines():
            name, _, value = line.partition(":")
            found.setdefault(name.strip(), value.strip())
    return found


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
