"""Would a reader of the page see this element? Decided on its tag and attributes alone.

Pure helpers for whoever walks a document tree; walking it, and what children inherit, is theirs.
"""

import re
from collections.abc import Callable, Mapping

from verifier.css import Colour, colour, declarations, pixels, rules
from verifier.findings import Finding, FindingKind, Severity, quoted
from verifier.injection import screen
from verifier.markers import markers

Attributes = Mapping[str, str | None]

UNSEEN_TAGS = {
    "script": "html.script",
    "style": "html.style",
    "template": "html.template",
    "noscript": "html.noscript",
    "iframe": "html.frame_fallback",
    "object": "html.frame_fallback",
    "noframes": "html.noscript",
    "noembed": "html.noscript",
}
"""Elements whose content no browser shows, and the rule that says so."""

_SHRUNK = re.compile(r"scale[xy]?\(\s*(?:0|0?\.0\d*|0?\.0+)\s*[,)]")
_TINY = 2.0
_FAINT = 0.1
_OFFSCREEN = -500.0
_SAME_COLOUR = 24
_A_FEW_WORDS = 3


def hidden_reason(
    tag: str, attributes: Attributes, inherited_background: str | None = None
) -> str | None:
    """Return the rule by which an element is hidden, or None if it is seen.

    Args:
        tag: The tag's name, in any case.
        attributes: By lower-case name; None where an attribute has no value.
        inherited_background: The CSS colour behind the element, if known; pass `white` at the
            root of a page that sets none.
    """
    name = tag.lower()
    if name in UNSEEN_TAGS:
        return UNSEEN_TAGS[name]
    if "hidden" in attributes:
        return "html.hidden_attribute"
    if name == "input" and (attributes.get("type") or "").strip().lower() == "hidden":
        return "html.hidden_input"
    style = declarations(attributes.get("style") or "")
    for rule, holds in _STYLES.items():
        if holds(style):
            return rule
    if _same_colour(style, attributes, inherited_background):
        return "html.same_colour"
    return None


def declared_background(attributes: Attributes) -> str | None:
    """Return the background colour an element sets for what is inside it, if it does."""
    style = declarations(attributes.get("style") or "")
    value = (
        style.get("background-color") or style.get("background") or attributes.get("bgcolor") or ""
    )
    behind = colour(value)
    return value if behind is not None and behind[3] else None


def style_sheet_hidden_classes(css: str) -> frozenset[str]:
    """Return the classes that a style sheet hides by a rule of their own, without the dot."""
    found = set()
    for selectors, body in rules(css):
        style = declarations(body)
        if not any(holds(style) for holds in _STYLES.values()):
            continue
        for selector in selectors.split(","):
            name = selector.strip().rpartition(".")
            if (
                name[1]
                and name[2].replace("-", "").replace("_", "").isalnum()
                and " " not in name[0]
            ):
                found.add(name[2])
    return frozenset(found)


def hidden_finding(start: int, end: int, *, rule: str, content: str) -> Finding:
    """Report hidden content: high where it gives instructions, low where it says something.

    Args:
        start: First code point of the span the finding is about.
        end: One past its last.
        rule: What `hidden_reason` returned, or the rule of the one who found it.
        content: The hidden text.
    """
    words = len(content.split())
    if any(f.severity is Severity.HIGH for f in screen(content)) or next(markers(content), None):
        severity, said = Severity.HIGH, f"hidden text gives instructions: {quoted(content)}"
    elif words >= _A_FEW_WORDS:
        severity, said = Severity.LOW, f"{words} words that a reader would not see"
    else:
        severity, said = Severity.INFO, "content that a reader would not see"
    return Finding.at(
        start, end, rule=rule, kind=FindingKind.HIDDEN, severity=severity, message=said
    )


def _at_most(style: Mapping[str, str], names: tuple[str, ...], limit: float) -> bool:
    lengths = (pixels(style[name]) for name in names if name in style)
    return any(length is not None and length <= limit for length in lengths)


def _offscreen(style: Mapping[str, str]) -> bool:
    if _at_most(style, ("text-indent", "margin-left", "margin-top"), _OFFSCREEN):
        return True
    if "translate" in style.get("transform", "") and _translated_away(style["transform"]):
        return True
    placed = style.get("position") in {"absolute", "fixed", "relative"}
    return placed and _at_most(style, ("left", "top", "right", "bottom"), _OFFSCREEN)


def _translated_away(transform: str) -> bool:
    parts = transform.partition("(")[2].replace(",", " ").replace(")", " ").split()
    return any((length := pixels(part)) is not None and length <= _OFFSCREEN for part in parts)


def _clipped(style: Mapping[str, str]) -> bool:
    clip = style.get("clip", "").replace(" ", "").replace(",", "")
    if clip.startswith(("rect(0000", "rect(0px0px0px0px", "rect(1px1px1px1px")):
        return True
    if (
        style.get("clip-path", "")
        .replace(" ", "")
        .startswith(("inset(50%", "inset(100%", "circle(0"))
    ):
        return True
    boxed = style.get("overflow", "").startswith(("hidden", "clip"))
    return boxed and _at_most(style, ("width", "height", "max-width", "max-height"), 1.0)


def _transparent(style: Mapping[str, str]) -> bool:
    if (opacity := style.get("opacity")) and (value := _number(opacity)) is not None:
        return value <= _FAINT
    painted = (style.get("-webkit-text-fill-color"), style.get("color"))
    return any(value and (seen := colour(value)) and seen[3] <= _FAINT for value in painted)


def _number(value: str) -> float | None:
    try:
        return float(value[:-1]) / 100 if value.endswith("%") else float(value)
    except ValueError:
        return None


def _same_colour(style: Mapping[str, str], attributes: Attributes, inherited: str | None) -> bool:
    ink = colour(style.get("color") or attributes.get("color") or "")
    ground = colour(declared_background(attributes) or inherited or "")
    return ink is not None and ground is not None and _close(ink, ground)


def _close(one: Colour, other: Colour) -> bool:
    return all(abs(a - b) <= _SAME_COLOUR for a, b in zip(one[:3], other[:3], strict=True))


_STYLES: dict[str, Callable[[Mapping[str, str]], bool]] = {
    "html.display_none": lambda style: style.get("display") == "none",
    "html.invisible": lambda style: (
        style.get("visibility") in {"hidden", "collapse"}
        or style.get("content-visibility") == "hidden"
    ),
    "html.transparent": _transparent,
    "html.tiny": lambda style: (
        _at_most(style, ("font-size",), _TINY)
        or _SHRUNK.search(style.get("transform", "")) is not None
    ),
    "html.offscreen": _offscreen,
    "html.clipped": _clipped,
}
