"""Chat-template, role and tool-call look-alikes: broken up so that they are only words again.

Models are steered by special strings in their prompt. Text that contains them is made harmless
by one space inside each; no quote, bracket or letter is added or lost, so markup stays as it was.
"""

import re
from collections.abc import Iterator

from verifier.edits import Edit
from verifier.findings import Finding, FindingKind, Severity

_ROLES = "system|assistant|user|human|developer|tool|function|ipython|model|observation|bot"
_TAGS = (
    r"function_calls?|function_results?|tool_calls?|tool_response|tool_results?|tool_use"
    r"|tool_outputs?|tool_code|antml:[a-z_]+|invoke|thinking|scratchpad|system|assistant|human"
    r"|system_prompt|system-prompt|system-reminder|system_instructions?|start_of_turn|end_of_turn"
    r"|start_of_image|bos|eos|pad|unk|mask|begin_of_text|end_of_text|plugin_call"
)
# Each alternative captures nothing but names its rule; `split` says where the space goes in.
_BRACKETED = re.compile(
    r"[<\[](?i:(?P<special>(?<=<)(?:\|[\w ./:-]{1,64}\|?|\uff5c[\w \u2581.-]{1,64}\uff5c)>)"
    r"|(?P<llama>(?<=\[)/?(?:INST|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|SYSTEM_PROMPT)\]"
    r"|(?<=<)</?SYS>>)"
    rf"|(?P<tag>(?<=<)/?(?:{_TAGS})(?=[\s/>])|(?<=<)/s>))"
)
_LABEL = re.compile(
    r"\n(?P<lead>[ \t>*_#-]{0,12})"
    r"(?P<role>Human|Assistant|System|Developer|AI|Model|SYSTEM|ASSISTANT|USER|HUMAN|User"
    r"|system|assistant|human|Tool|TOOL|Observation|Instruction|Response|System Prompt"
    r"|System Message)"
    r"(?P<tail>[*_]{0,3}):"
)
_HEADING_ROLES = frozenset({"instruction", "response"})
_JSON = re.compile(
    rf"(?P<key>\"role\")\s{{0,8}}:\s{{0,8}}\"(?:{_ROLES})\""
    r"|(?P<calls>\"(?:tool_calls|function_call|tool_use|tool_use_id|tool_call_id)\")\s{0,8}:"
    r"|(?P<type>\"type\")\s{0,8}:\s{0,8}\"(?:tool_use|tool_result|tool_call|function_call)\""
    r"|(?P<name>\"(?:arguments|parameters|tool_input)\")\s{0,8}:\s{0,8}[{\"]"
)
_JSON_KEYS = (
    '"role"', '"tool_', '"function_call"', '"type"', '"arguments"', '"parameters"',
)  # fmt: skip
_NAMED_CALL = re.compile(r"\"(?:name|tool|function|action|tool_name)\"\s{0,8}:\s{0,8}\"")
_CALL_WINDOW = 200

_MESSAGES = {
    "special": "a special token of a chat template was broken up",
    "llama": "an instruction marker of a chat template was broken up",
    "tag": "a tag that models read as a role or a tool call was broken up",
    "role": "a role label at the start of a line was broken up",
    "json": "what looks like a tool call or a chat message in JSON was broken up",
}


def markers(text: str) -> Iterator[tuple[Edit, Finding | None]]:
    """Yield the breaking up of every marker, in ascending order."""
    found: list[tuple[Edit, Finding | None]] = []
    if "<" in text or "[" in text:
        found += _bracketed(text)
    if ":" in text:
        found += _labels(text)
        if any(key in text for key in _JSON_KEYS):
            found += _json(text)
    found.sort(key=lambda change: change[0])
    yield from found


def _bracketed(text: str) -> Iterator[tuple[Edit, Finding | None]]:
    for match in _BRACKETED.finditer(text):
        rule = match.lastgroup or ""
        start = match.start()
        yield _split(start, match.end(), start + 1, text, rule=rule, severity=Severity.HIGH)


def _labels(text: str) -> Iterator[tuple[Edit, Finding | None]]:
    # The line feed in front lets the first line be found like any other.
    for match in _LABEL.finditer(f"\n{text}"):
        heading = match["lead"].lstrip().startswith("#")
        if match["role"].lower() in _HEADING_ROLES and not heading:
            continue  # "Response:" alone is a word of every form; "### Response:" is a template
        start, end = match.start("role") - 1, match.end() - 1
        yield _split(start, end, end - 1, text, rule="role", severity=Severity.LOW)


def _json(text: str) -> Iterator[tuple[Edit, Finding | None]]:
    for match in _JSON.finditer(text):
        group = match.lastgroup or ""
        start = match.start(group)
        if group == "name" and not _NAMED_CALL.search(text, max(0, start - _CALL_WINDOW), start):
            continue  # parameters of anything else than a named call
        yield _split(start, match.end(), start + 1, text, rule="json", severity=Severity.LOW)


def _split(
    start: int, end: int, cut: int, text: str, *, rule: str, severity: Severity
) -> tuple[Edit, Finding]:
    """Put a space before the character at `cut`, as a replacement of the one before it."""
    edit = Edit(cut - 1, cut, text[cut - 1] + " ")
    return edit, Finding.at(
        start,
        end,
        rule=f"marker.{rule}",
        kind=FindingKind.MARKERS,
        severity=severity,
        message=_MESSAGES[rule],
    )
