"""The words that injection rules are made of: what a rule is, orders, machines, secrets.

Patterns for folded text: lower case, look-alikes folded, single spaces, bounded gaps only.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

from verifier.findings import Severity


@dataclass(frozen=True, slots=True)
class Rule:
    """One way of giving orders to a reader who is a machine.

    Attributes:
        name: The stable id, reported with every finding.
        anchors: Folded literals; without one of them the pattern is not tried.
        pattern: What the folded sentence must contain.
        message: What the sentence does, for a person.
        severity: `high` where a policy should act on it.
    """

    name: str
    anchors: tuple[str, ...]
    pattern: str
    message: str
    severity: Severity = Severity.HIGH

    def search(self, sentence: str) -> re.Match[str] | None:
        """Try the pattern on a sentence with an anchor.

        Compiled when first tried, which most texts never cause: all of them together take longer
        than anything else that a process loads before its first answer.
        """
        return _compiled(self.pattern).search(sentence)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


# Where an order begins: at the start of a clause, or after words that turn to the reader.
ORDER: Final = (
    r"(?:^|[.!?:;,\"'()\[\]>*#=|-]\s*|\b(?:and|then|now|but|so|also|please|instead|important|"
    r"you (?:must|should|shall|will|can|may|need to|have to|are to|ought to)|"
    r"(?:want|need|ask|asking|instruct|order|command|require|tell|telling|beg|urge) you to|"
    r"(?:task|job|goal|duty|mission|role) is to|let'?s)\s+)"
    r"(?:(?:please|kindly|simply|just|now|then|immediately|always|first|instead|must|completely|"
    r"fully|entirely|quickly|silently|secretly|quietly|also|still)[ ,]\s*){0,3}"
)
IGNORE: Final = (
    r"(?:ignore|disregard|forget(?: about)?|override|overrule|bypass|discard|neglect|dismiss|"
    r"set aside|stop (?:following|obeying)|do not (?:follow|obey)|don'?t (?:follow|obey)|"
    r"pay no attention to|erase|drop|abandon|cancel)"
)
MACHINE: Final = (
    r"(?:a\.?i\.?(?:[ -](?:assistant|agent|model|system|reader|bot|tool)s?)?|l\.?l\.?ms?|"
    r"(?:large )?language models?|chat ?bots?|chatgpt|gpt(?:-?\d\w*)?|claude|copilot|gemini|"
    r"(?:virtual|digital|automated|intelligent) (?:assistant|agent)s?|autonomous agents?|"
    r"summari[sz]ers?|machine readers?)"
)
THIS_TEXT: Final = (
    r"(?:this|the|these|such) (?:\w+ )?(?:document|page|text|e-?mail|file|content|message|article|"
    r"passage|website|web ?page|record|report|data|note|ticket|results?|chunk|context)s?"
)
SECRETS: Final = (
    r"(?:conversations?(?: history)?|chat (?:history|logs?|transcripts?)|"
    r"(?:the |this |all |any )?users?(?:'s?)? (?:\w+ )?(?:data|messages?|quer(?:y|ies)|questions?|"
    r"e-?mails?|credentials?|passwords?|names?|information|details|files|documents|prompts?|"
    r"address(?:es)?|inputs?|history)|"
    r"api[ _-]?keys?|system prompts?|secrets?|credentials|passwords?|access tokens?|"
    r"session tokens?|"
    r"environment variables?|previous (?:messages|answers|results)|private keys?|"
    r"(?:all|any|every|the) (?:retrieved|other|confidential|internal|private) (?:\w+ )?"
    r"(?:documents?|data|content|information|evidence|passages?|records?|files)|"
    r"your (?:instructions|context|memory|prompt|system prompt|answers?|response|findings|"
    r"conversation|knowledge|configuration)|"
    r"context window|(?:documents?|files|data|everything|all) (?:that )?you (?:have|can|"
    r"retrieved|see))"
)
PROMPT: Final = (
    r"(?:system (?:prompt|message|instructions?)|(?:initial|original|hidden|secret|internal|"
    r"confidential|developer|preceding|previous|full|entire|exact) (?:system )?"
    r"(?:prompt|instructions?|message|directives?|guidelines|rules)|prompt|instructions|"
    r"guidelines|configuration|directives|hidden rules)"
)

DISCUSSED: Final = re.compile(
    r"\b(?:prompt[- ]injections?|injection attacks?|attackers?|adversar\w+|jailbreak\w*|malicious|"
    r"phishing|for example|for instance|such as|e\.g\.|phrases? like|strings? like|text like|"
    r"sentences? like|"
    r"red[- ]team\w*|owasp|suspicious|scammers?|fraudsters?|the classic|attempts? like|"
    r"instructions? like|payloads?)\b"
)
"""Words of those who write about attacks; they quote what an attack would say."""

NEGATED: Final = re.compile(
    r"(?:\b(?:never|not|cannot|can't|don'?t|mustn'?t|won'?t|shouldn'?t|avoid|refuse to|"
    r"no one (?:may|should|will)|"
    r"nobody (?:may|should|will)|forbidden to|prohibited from)\s+(?:\w+\s+){0,2})$"
)
"""What stands before an order that forbids rather than asks."""
