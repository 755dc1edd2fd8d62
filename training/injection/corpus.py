"""Where the texts come from: attacks and honest texts of every data set, by family.

`DIR` is the folder that `training/fit_injection.py` is told; its README names each set's licence.
Sets that may only be evaluated on are never read here. What must never live here: a model.
"""

from __future__ import annotations

import ast
import csv
import gzip
import json
import re
import sysconfig
from dataclasses import dataclass, field
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from verifier.findings import Severity
from verifier.injection import screen

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST = 4000
"""Characters of a text; what is longer is cut."""

_PIECE = 600
_DESCRIBED = 250
_ROOT = Path(__file__).parent.parent.parent
_TAG = re.compile(r"</?[a-z][^<>]{0,200}>")


@dataclass(frozen=True)
class Family:
    """Texts that one collection gave.

    Attributes:
        attacks: Orders to a machine that are put into carriers.
        whole: Texts that are attacks as they stand.
        honest: Texts that are none.
        carriers: Honest texts in which attacks of this family are put; of all families if empty.
    """

    attacks: list[str] = field(default_factory=list)
    whole: list[str] = field(default_factory=list)
    honest: list[str] = field(default_factory=list)
    carriers: list[str] = field(default_factory=list)


def attack_families(data: Path) -> dict[str, Family]:
    """Read the collections of attacks under `DIR/injection`."""
    folder = data / "injection"
    return {
        "bipia": _bipia(folder / "bipia"),
        "asb": _asb(folder / "asb"),
        "garak": _garak(folder / "garak"),
        "tasktracker": _tasktracker(folder / "tasktracker"),
        "cyberseceval": _cyberseceval(folder / "cyberseceval_pi"),
        "deepset": _labelled(folder / "deepset_prompt_injections", "deepset_*.csv"),
        "slabs": _labelled(folder / "slabs_pi", "*.csv"),
        "neuralchemy": _neuralchemy(folder / "neuralchemy_pi"),
        "bastion": _bastion(folder / "bastioncorpus"),
    }


def honest_families(data: Path) -> dict[str, list[str]]:
    """Read honest prose: science, encyclopaedia and web pages, questions, manuals."""
    support = data / "support"
    with gzip.open(support / "scifact_beir" / "corpus_sents.jsonl.gz", "rt") as lines:
        science = [" ".join(json.loads(line)["sents"]) for line in lines]
    wiki = []
    for entry in _lines(support / "fm2" / "dev.jsonl"):
        evidence = entry["gold_evidence"] + entry["retrieved_evidence"]
        wiki.append(" ".join(part["text"] for part in evidence))
    web = [
        entry["evidence"]
        for entry in _lines(support / "factcheck_gpt" / "subtask3_claim_evidence_stance.jsonl")
    ]
    questions = [
        e["prompt"] for e in json.loads((data / "injection/injecguard/wildguard.json").read_text())
    ]
    return {
        "science": _cut(science),
        "wiki": _cut(wiki),
        "web": _cut(web),
        "questions": _cut(questions),
        "manuals": sorted(_manuals()),
        "library": sorted(_library()),
    }


def valid(data: Path) -> tuple[list[str], list[str]]:
    """Read `injecguard/valid`, which is only ever evaluated on: honest texts, attacks."""
    entries = json.loads((data / "injection/injecguard/valid.json").read_text())
    return tuple([e["prompt"] for e in entries if e["label"] == label] for label in (0, 1))


def _manuals() -> Iterator[str]:
    """Paragraphs of the descriptions of the installed packages: how-to text, many orders."""
    for distribution in distributions():
        description = distribution.metadata.get_payload() or distribution.metadata["Description"]
        if not isinstance(description, str) or distribution.metadata["Name"].startswith(
            "clearance"
        ):
            continue
        paragraphs = re.split(r"\n\s*\n", description)
        piece = ""
        for paragraph in paragraphs[:60]:
            if paragraph.count("](") + paragraph.count("http") > 3:
                continue  # badges and lists of links
            piece = f"{piece}\n\n{paragraph.strip()}"
            if len(piece) > 700:
                yield piece.strip()[:LONGEST]
                piece = ""


def house() -> dict[str, list[str]]:
    """Read the demo's documents and the project's own: policies, runbooks, manuals, security.

    Returns:
        Passages by document. Documents in which a rule sees an order to a machine are left out:
        the demo plants some, to be found.
    """
    paths = [*(_ROOT / "retrieval/demo/corpus").rglob("*"), *(_ROOT / "docs").rglob("*.md")]
    found = {}
    for path in sorted(paths):
        if path.suffix not in {".md", ".txt", ".html", ".eml"}:
            continue
        text = _TAG.sub(" ", path.read_text(encoding="utf-8"))
        if not any(finding.severity is Severity.HIGH for finding in screen(text)):
            found[path.stem.rstrip("-v0123456789")] = list(_pieces(text))
    return found


def _pieces(text: str) -> Iterator[str]:
    """Cut a text at blank lines into pieces of about a chunk's length."""
    piece = ""
    for paragraph in re.split(r"\n\s*\n", text):
        piece = f"{piece}\n\n{paragraph.strip()}"
        if len(piece) > _PIECE:
            yield piece.strip()[:LONGEST]
            piece = ""
    if piece.strip():
        yield piece.strip()[:LONGEST]


def _library() -> Iterator[str]:
    """Descriptions in the standard library: how to call what, and what not to do."""
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        tree = ast.parse(path.read_bytes())
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                described = ast.get_docstring(node)
                if described and len(described) > _DESCRIBED:
                    yield described[:LONGEST]


def _bipia(folder: Path) -> Family:
    attacks = [
        attack
        for name in ("text_attack_train.json", "code_attack_train.json")
        for attacks in json.loads((folder / name).read_text()).values()
        for attack in attacks
    ]
    carriers = []
    for kind in ("email", "table", "code"):
        for entry in list(_lines(folder / f"{kind}_train.jsonl"))[:150]:
            context = entry["context"]
            carriers.append("\n".join(context) if isinstance(context, list) else context)
    return Family(attacks=attacks, carriers=_cut(carriers))


def _asb(folder: Path) -> Family:
    attacks = [e["Attacker Instruction"] for e in _lines(folder / "all_attack_tools.jsonl")]
    honest = [
        f"{e['Description']} {e['Expected Achievements']}"
        for e in _lines(folder / "all_normal_tools.jsonl")
    ]
    return Family(attacks=attacks, honest=honest)


def _garak(folder: Path) -> Family:
    jailbreaks = json.loads((folder / "inthewild_jailbreak_llms.json").read_text())
    whois = json.loads((folder / "whois_injection_contexts.json").read_text())["payloads"]
    carriers = [text.replace("{INJECTION_MARKER}", "Domains Office") for text in whois]
    return Family(whole=_cut(jailbreaks), honest=carriers)


def _tasktracker(folder: Path) -> Family:
    triggers = (folder / "saved_injections.txt").read_text().splitlines()
    tasks = (folder / "translated_secondary_tasks.txt").read_text().splitlines()
    trivia = [
        line.removeprefix("Question:").split("Answer:")[0].strip()
        for line in (folder / "trivia_pairs.txt").read_text().splitlines()
    ]
    jailbreaks = (folder / "jailbreaks_pair_attack.txt").read_text().splitlines()
    attacks = [f"{t} {trivia[i % len(trivia)]}" for i, t in enumerate(triggers) if t.strip()]
    return Family(attacks=[*attacks, *(t for t in tasks if t), *(j for j in jailbreaks if j)])


def _cyberseceval(folder: Path) -> Family:
    entries = json.loads((folder / "prompt_injection.json").read_text())
    direct = [e["user_input"] for e in entries if e["injection_type"] == "direct"]
    indirect = [e["user_input"] for e in entries if e["injection_type"] == "indirect"]
    return Family(attacks=_cut(direct), whole=_cut(indirect))


def _labelled(folder: Path, pattern: str) -> Family:
    texts: dict[str, list[str]] = {"0": [], "1": []}
    for path in sorted(folder.glob(pattern)):
        with path.open(newline="", encoding="utf-8") as lines:
            for row in csv.DictReader(lines):
                texts[row["label"]].append(row["text"])
    return Family(whole=_cut(texts["1"]), honest=_cut(texts["0"]))


def _neuralchemy(folder: Path) -> Family:
    rows = [
        row for path in sorted(folder.glob("*.parquet")) for row in pq.read_table(path).to_pylist()
    ]
    return Family(
        whole=_cut([row["text"] for row in rows if row["label"] == 1]),
        honest=_cut([row["text"] for row in rows if row["label"] == 0]),
    )


def _bastion(folder: Path) -> Family:
    rows = list(_lines(folder / "injections.jsonl"))
    return Family(
        whole=[row["text"] for row in rows if row["label"] == "malicious"],
        honest=[row["text"] for row in rows if row["label"] == "benign"],
    )


def _lines(path: Path) -> Iterator[dict]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def _cut(texts: list[str]) -> list[str]:
    """Drop what is empty or occurs twice, and cut what is overlong."""
    return list(dict.fromkeys(text[:LONGEST] for text in texts if text.strip()))
