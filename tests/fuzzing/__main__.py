"""Hold the sanitiser's promises against texts that coverage leads to, for as long as is given.

    python -m tests.fuzzing --minutes 30 [--corpus DIR]

The promises are the properties of the suite, which calls them with texts that Hypothesis draws; the
fuzzer (libFuzzer, by way of Atheris) mutates texts towards code that was not reached before. The
first broken promise ends the run, with the text in a file ``crash-…`` and exit code 77.
"""

from __future__ import annotations

import argparse
import inspect
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import atheris

with atheris.instrument_imports(include=["verifier"]):
    from tests.unit.verifier import test_sanitise as properties
    from verifier.sanitise import Markup
    from verifier.screening import screen

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST: Final = 2_048
"""Bytes of a text. What takes longer texts is a matter of growth, which the suite looks at."""

SLOWEST: Final = 20
"""Seconds after which a text counts as one that hangs."""

DEMO: Final = Path(__file__).parents[2] / "retrieval" / "demo" / "corpus"

_MARKUPS: Final = tuple(Markup)


_ANY: Final = ["text", "markup"]
_ORDINARY: Final = properties.test_ordinary_text_is_left_alone.__name__


def promises() -> list[Callable[[str, Markup], None]]:
    """The properties that hold for any text and any markup."""
    every = (getattr(test, "hypothesis", None) for _, test in inspect.getmembers(properties))
    inner = [each.inner_test for each in every if each is not None]
    said_of_any = [one for one in inner if [*inspect.signature(one).parameters] == _ANY]
    return [one for one in said_of_any if one.__name__ != _ORDINARY]


def text_of(data: bytes) -> tuple[str, Markup]:
    """A text and its markup; bytes that are no UTF-8 become lone surrogates."""
    markup = _MARKUPS[data[0] % len(_MARKUPS)] if data else _MARKUPS[0]
    return data[1:].decode("utf-8", "surrogateescape"), markup


def dictionary() -> str:
    """The fragments that Hypothesis draws from, as libFuzzer reads them."""
    encoded = (one.encode("utf-8", "surrogatepass") for one in properties.FRAGMENTS)
    return "".join('"' + "".join(f"\\x{byte:02x}" for byte in one) + '"\n' for one in encoded)


def plant(corpus: Path) -> None:
    """Begin with the demo's documents, as every sort of markup."""
    for number, path in enumerate(sorted(DEMO.rglob("*.md"))):
        text = path.read_bytes()[: LONGEST - 1]
        (corpus / f"demo-{number}").write_bytes(bytes([number % len(_MARKUPS)]) + text)


def main() -> None:
    """Fuzz until the time is over or a promise is broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzzing", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--corpus", type=Path, help="keep interesting texts here between runs")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    held = promises()

    def one(data: bytes) -> None:
        text, markup = text_of(data)
        for promise in held:
            promise(text, markup)
        screen(text)

    with tempfile.TemporaryDirectory() as scratch:
        words = Path(scratch) / "fragments.dict"
        words.write_text(dictionary(), encoding="ascii")
        corpus = options.corpus or Path(scratch) / "corpus"
        corpus.mkdir(parents=True, exist_ok=True)
        plant(corpus)
        print(f"{len(held)} promises, {options.minutes:g} minutes", flush=True)  # noqa: T201
        arguments = [
            sys.argv[0],
            f"-dict={words}",
            f"-max_len={LONGEST}",
            "-len_control=0",  # long texts from the start: tricks are made of several parts
            f"-max_total_time={round(60 * options.minutes)}",
            f"-seed={options.seed}",
            f"-timeout={SLOWEST}",
            "-print_final_stats=1",
            str(corpus),
        ]
        atheris.Setup(arguments, one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
