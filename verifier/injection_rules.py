"""The table of injection rules: what a text says when it speaks to the machine that reads it.

Each rule has literal anchors, looked for first, and a pattern tried on the sentence around one.
Patterns are written for folded text (lower case, look-alikes folded), use bounded gaps only, and
want the imperative: "employees must ignore …" is a policy, "ignore …" at the start is an order.

What must never live here: code. A rule that needs code is not a rule of this table.
"""

import re
from dataclasses import dataclass
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
    pattern: re.Pattern[str]
    message: str
    severity: Severity = Severity.HIGH


# Where an order begins: at the start of a clause, or after words that turn to the reader.
_ORDER: Final = (
    r"(?:^|[.!?:;,\"'()\[\]>*#=|-]\s*|\b(?:and|then|now|but|so|also|please|instead|important|"
    r"you (?:must|should|shall|will|can|may|need to|have to|are to|ought to)|"
    r"(?:want|need|ask|asking|instruct|order|command|require|tell|telling|beg|urge) you to|"
    r"(?:task|job|goal|duty|mission|role) is to|let'?s)\s+)"
    r"(?:(?:please|kindly|simply|just|now|then|immediately|always|first|instead|must|completely|"
    r"fully|entirely|quickly|silently|secretly|quietly|also|still)[ ,]\s*){0,3}"
)
_IGNORE: Final = (
    r"(?:ignore|disregard|forget(?: about)?|override|overrule|bypass|discard|neglect|dismiss|"
    r"set aside|stop (?:following|obeying)|do not (?:follow|obey)|don'?t (?:follow|obey)|"
    r"pay no attention to|erase|drop|abandon|cancel)"
)
_MACHINE: Final = (
    r"(?:a\.?i\.?(?:[ -](?:assistant|agent|model|system|reader|bot|tool)s?)?|l\.?l\.?ms?|"
    r"(?:large )?language models?|chat ?bots?|chatgpt|gpt(?:-?\d\w*)?|claude|copilot|gemini|"
    r"(?:virtual|digital|automated|intelligent) (?:assistant|agent)s?|autonomous agents?|"
    r"summari[sz]ers?|machine readers?)"
)
_THIS_TEXT: Final = (
    r"(?:this|the|these|such) (?:\w+ )?(?:document|page|text|e-?mail|file|content|message|article|"
    r"passage|website|web ?page|record|report|data|note|ticket|results?|chunk|context)s?"
)
_SECRETS: Final = (
    r"(?:conversations?(?: history)?|chat (?:history|logs?|transcripts?)|"
    r"(?:the |this |all |any )?users?(?:'s?)? (?:\w+ )?(?:data|messages?|quer(?:y|ies)|questions?|"
    r"e-?mails?|credentials?|passwords?|names?|information|details|files|documents|prompts?|"
    r"address(?:es)?|inputs?|history)|"
    r"api[ _-]?keys?|system prompts?|secrets?|credentials|passwords?|access tokens?|session tokens?|"
    r"environment variables?|previous (?:messages|answers|results)|private keys?|"
    r"(?:all|any|every|the) (?:retrieved|other|confidential|internal|private) (?:\w+ )?"
    r"(?:documents?|data|content|information|evidence|passages?|records?|files)|"
    r"your (?:instructions|context|memory|prompt|system prompt|answers?|response|findings|"
    r"conversation|knowledge|configuration)|"
    r"context window|(?:documents?|files|data|everything|all) (?:that )?you (?:have|can|retrieved|see))"
)
_PROMPT: Final = (
    r"(?:system (?:prompt|message|instructions?)|(?:initial|original|hidden|secret|internal|"
    r"confidential|developer|preceding|previous|full|entire|exact) (?:system )?"
    r"(?:prompt|instructions?|message|directives?|guidelines|rules)|prompt|instructions|"
    r"guidelines|configuration|directives|hidden rules)"
)


def _pattern(source: str) -> re.Pattern[str]:
    return re.compile(source)


RULES: Final = (
    Rule(
        "injection.ignore_previous",
        ("ignore", "disregard", "forget", "overr", "bypass", "discard", "neglect", "dismiss",
         "set aside", "stop ", "not follow", "not obey", "n't follow", "n't obey", "no attention",
         "erase", "drop", "abandon", "cancel"),
        _pattern(
            _ORDER + _IGNORE + r"(?:\s+\w+){0,3}?\s+(?:"
            r"(?:previous|prior|above|earlier|preceding|foregoing|initial|original|system|existing|"
            r"current|former|past)(?:\s+\w+){0,3}?\s+(?:instructions?|prompts?|directives?|"
            r"commands?|guidelines|orders|messages? from the (?:system|user)|rules|context|training)"
            r"|your\s+(?:\w+\s+){0,3}?(?:instructions?|prompts?|rules|guidelines|programming|"
            r"training|restrictions?|constraints?|guardrails?|directives?|policies|safety\s\w+|"
            r"safeguards|filters)"
            r"|(?:all|any)\s+(?:of\s+)?(?:the\s+|these\s+|those\s+|other\s+|safety\s+)?"
            r"(?:instructions?|prompts?|directives|guardrails?|safeguards)"
            r"(?!\s+(?:in|on|from|by|sent|contained|printed|that ask|asking)\b)"
            r"|(?:everything|anything|all)\s+(?:that\s+)?(?:\w+\s+){0,2}?"
            r"(?:(?:above|before)(?=\s*(?:[.,;:!]|$|and\b|this\b))|"
            r"you (?:were|have been|'ve been|know|learned)|"
            r"(?:told|said|written|came|comes) (?:you )?(?:so far|before|above|earlier|previously))"
            r"|(?:what|whatever) (?:you were told|was said|came before|the (?:system|user|developer)"
            r" (?:said|told|wrote|asked))"
            r"|the (?:system|developer) (?:prompt|message|instructions?)"
            r"|the (?:user|human)'?s? (?:question|request|quer(?:y|ies)|instructions?|prompt))"
        ),
        "tells the reader to ignore its instructions",
    ),
    Rule(
        "injection.new_instructions",
        ("new instruction", "new task", "new objective", "real instruction", "actual instruction",
         "true instruction", "updated instruction", "from now on", "new directive", "new goal",
         "instructions are", "instead of answering", "instructions for you", "real task"),
        _pattern(
            r"\b(?:your|the following are your|here are your) (?:\w+ ){0,2}?(?:new|real|actual|true|"
            r"updated|only|revised) (?:\w+ )?(?:instructions?|tasks?|objectives?|directives?|goals?|"
            r"mission|role|rules)\b"
            r"|^\W*(?:new|updated|real|actual|secret) (?:system )?(?:instructions?|directives?)\s*"
            r"(?:for (?:you|the (?:model|assistant|ai)))?\s*:\s*(?:you|ignore|always|never|respond|"
            r"reply|do|send|print|output|forget|act|answer|say|from)"
            r"|\bfrom now on,? (?:you|ignore|respond|act|answer|reply|always (?:answer|respond|reply)|"
            r"obey|speak|pretend|your)(?! (?:can|may|could|receive|do not need|need not|no longer need"
            r"|will (?:receive|find|be able|get|see|need)|(?:\w+ ){1,2}?(?:is|are|can|may) ))"
            r"|\binstead of answering\b|" + _ORDER + r"follow (?:only )?(?:these|my) (?:new )?"
            r"instructions (?:instead|only|from now)"
        ),
        "gives the reader new instructions",
    ),
    Rule(
        "injection.role_change",
        ("you are now", "you're now", "act as", "pretend", "roleplay", "role-play", "behave as",
         " mode", "jailbreak", "do anything now", "no longer bound", "unrestricted", "simulate"),
        _pattern(
            r"\byou(?: are|'re) now (?:going to (?:act|be|play|pretend)|called \w+|dan\b|free (?:from|of)|"
            r"(?:in )?(?:\w+ )?(?:developer|debug|god|jailbreak|dan|unrestricted|maintenance|root|sudo) "
            r"mode|unrestricted|no longer (?:bound|restricted|limited|an? )|jailbroken|"
            r"(?:an?|the) (?:[\w-]+ ){0,4}?(?:ai|assistant|model|bot|chatbot|persona|hacker|"
            r"terminal|interpreter|llm|shell|agent without|pirate|oracle)\b)"
            r"|" + _ORDER + r"(?:act|behave|respond|answer|roleplay|role-play|pretend|simulate)"
            r"(?: to be| being| that you are| you are| as(?: if you (?:are|were|had|have))?|ing as)?"
            r" (?:an? |the )?(?:[\w-]+ ){0,3}?(?:dan\b|unrestricted|unfiltered|uncensored|jailbroken|"
            r"evil|no (?:restrictions|rules|limits|filters)|ai (?:model )?(?:with|without)|"
            r"ai\b|language model|root (?:shell|user)|linux terminal|without (?:any )?(?:restrictions|"
            r"rules|filters|limits))"
            r"|" + _ORDER + r"(?:enter|enable|activate|switch (?:in)?to|go into) (?:\w+ )?(?:dan|god|"
            r"jailbreak|unrestricted|unfiltered|uncensored|do anything now) mode"
            r"|\b(?:developer|debug|god) mode (?:is )?(?:now )?(?:enabled|activated|on)\b.{0,80}"
            r"(?:restrict|filter|guideline|polic|answer|respond|comply|safety)"
            r"|\byou (?:can|will|are able to) (?:now )?do anything now\b"
            r"|\byou are no longer (?:bound|restricted|limited|constrained) by\b"
        ),
        "gives the reader another role",
    ),
    Rule(
        "injection.addressed_to_model",
        ("ai", "llm", "language model", "bot", "gpt", "claude", "copilot", "gemini", "assistant",
         "agent", "summari", "machine reader"),
        _pattern(
            r"(?:^|[\"'(\[<#*!:.\-]\s*)(?:attention|notice|note|message|instructions?|notes?|reminder|dear|hey|hello|"
            r"hi|important|warning|directive|memo|request|order)s?(?: note| notice| message| instructions?)?"
            r"(?:,|:)? (?:(?:to|for) )?(?:any |all |the |every )?" + _MACHINE
            + r"(?: (?:reading|processing|that reads?|that process(?:es)?|who reads?|parsing|"
            r"summari[sz]ing|analy[sz]ing)\b|\s*(?:[:,!\u2014-]|$))"
            r"|(?:^|[\"'(\[<#*!.-]\s*)(?:attention|hey|dear)(?: the)? assistant\s*[:,!-]"
            r"|\b(?:if|when|since|because) you(?:'re| are) (?:an? |the )?(?:\w+ )?" + _MACHINE + r"\b"
            r"(?!.{0,60}\b(?:developer|vendor|provider|customer|deploy))"
            r"|\bas an? (?:\w+ )?(?:ai|language model|llm|ai (?:language model|assistant|agent|model)),?"
            r" you (?:must|should|will|are|have|need|shall|can)\b"
            r"|\b(?:any |all |the |every |an )?" + _MACHINE + r"(?: (?:that|who|which) (?:is |are )?)?"
            r" ?(?:reading|processing|summari[sz]ing|parsing|analy[sz]ing|indexing|reads?|handling|"
            r"evaluating|reviewing|process(?:es)?) " + _THIS_TEXT + r",? (?:must|should|shall|is|are|"
            r"will|needs?|has to|have to|please)\b"
            r"|^\W*(?:assistant|" + _MACHINE + r")\s*[:,]\s*(?:please |you |now )?(?:ignore|disregard|"
            r"forget|send|call|reply|respond|tell|say|do|run|output|must|should|print|reveal|execute|"
            r"include|always|never|stop|follow)\b"
        ),
        "speaks to the machine that reads it",
    ),
    Rule(
        "injection.secrecy",
        ("the user", "the human", "this instruction", "these instruction", "this message",
         "this note", "this prompt", "this comment", "hidden text", "this request", "secret",
         "this step", "this action"),
        _pattern(
            r"\b(?:do not|don'?t|never|must not|should not|without|avoid) (?:ever )?"
            r"(?:tell|telling|inform|informing|mention|mentioning|reveal|revealing|disclose|"
            r"disclosing|notify|notifying|alert|alerting|warn|warning|show|showing|let|letting|"
            r"acknowledge|acknowledging|discuss|admit|repeat)"
            r"(?:(?: (?:this|it|that|anything))? (?:to )?(?:the |any |your )?(?:user|human|person|reader)s?"
            r"(?: know)?[ ,]*(?:about |that |of )*(?:this (?:\w+ )?(?:instruction|message|note|request|prompt|"
            r"action|step|command|text|call|tool|comment)|these (?:\w+ )?(?:instructions|steps|commands)|"
            r"you (?:were|have|did|are|sent|called|read|received)|your (?:instructions|actions)|anything)"
            r"|(?: (?:this|it|that|anything)) to (?:the |any |your )(?:user|human|reader)\b"
            r"|(?: of)? (?:this|these|that this|the existence of (?:this|these)) (?:\w+ )?(?:instruction|"
            r"prompt|hidden text|command|note|message|comment)s?"
            r"(?: (?:to (?:the |any |your )?(?:user|human|reader|anyone)|in your|when|exists?|in the "
            r"(?:answer|response|reply|summary))|\s*[.!\"')]*$))"
            r"|\bkeep (?:this|these|the) (?:\w+ )?(?:instruction|prompt|request|command|action|step|"
            r"message|note)s? (?:a )?(?:secret|hidden|confidential|private|to yourself)(?: from)?"
            r"|\b(?:hide|conceal|keep) (?:this|it|that|these|your actions|all (?:this|traces)) (?:\w+ )?"
            r"(?:from|secret from|hidden from) the (?:user|human|reader)\b"
            r"|\bthe (?:user|human) (?:must|should|may|can|need|does) ?(?:not|never)n?'?t? (?:ever )?"
            r"(?:know|see|learn|notice|find out|be told|be informed|be aware)(?: about| of| that)? "
            r"(?:this|these|you|that|it)"
        ),
        "asks for secrecy towards the user",
    ),
    Rule(
        "injection.exfiltrate",
        ("send", "post", "forward", "upload", "transmit", "exfiltrat", "mail", "leak", "submit",
         "append", "include", "encode", "embed", "copy", "insert", "fetch", "request", "visit",
         "open", "navigate", "render", "load"),
        _pattern(
            _ORDER + r"(?:send|post|forward|upload|transmit|exfiltrate|e-?mail|leak|submit|copy|"
            r"deliver|report|relay)\b(?=\s).{0,60}?\b" + _SECRETS + r".{0,80}?\b(?:to|at|via|into|through)"
            r"\s.{0,40}?(?:https?:|www\.|[\w.+-]+@[\w-]|\burl\b|webhook|endpoint|server|"
            r"address|attacker|[\w-]+\.(?:com|net|org|io|example|dev|xyz|ru|cn)\b)"
            r"|\bexfiltrate (?:the|all|any|every|your|this|user)\b"
            r"|" + _ORDER + r"(?:append|add|include|encode|embed|insert|put|attach|place)\b.{0,60}?\b"
            r"(?:conversation|chat history|user'?s?|the question|the answer|your answer|previous messages|"
            r"system prompt|retrieved|context|secrets?|summary of (?:this|the))\b.{0,60}?\b(?:to|in|into|as|"
            r"at|on)\s.{0,40}?(?:\burls?\b|query (?:string|param)|https?:|image|markdown link|hyperlink)"
            r"|" + _ORDER + r"(?:fetch|visit|open|load|render|request|navigate to|browse to|display|"
            r"show|include|get)\b.{0,40}?"
            r"(?:https?://|www\.)\S{0,200}(?:=|/)[{<\[$]?\s?(?:data|secret|conversation|history|prompt|"
            r"answer|query|your|user|base64|insert|content)"
            r"|" + _ORDER + r"(?:render|display|show|output|include|insert|add|embed)\b.{0,30}?\b"
            r"(?:markdown )?(?:image|link|picture|pixel)\b.{0,60}?\b(?:in|to|with|at the end of) (?:your|the) "
            r"(?:answer|response|reply|output|summary)\b.{0,120}?(?:https?:|url|data|conversation)"
        ),
        "asks to send data out",
    ),
    Rule(
        "injection.tool_use",
        ("tool", "function", "plugin", "api", "shell", "command", "execute", "browser", "code",
         "sql", "script", "terminal", "rm -rf", "curl "),
        _pattern(
            _ORDER + r"(?:call|invoke|use|run|execute|trigger)\b.{0,40}?\byour (?:\w+ )?(?:tools?|functions?|"
            r"plugins?|(?:email|e-mail|browser|browsing|file|shell|search|code|web|memory|terminal) "
            r"(?:tool|access|function|capabilit\w+|interpreter|plugin))"
            r"|" + _ORDER + r"(?:call|invoke|use|run|execute|trigger) (?:the |a )?[`\"']?[\w.-]+[`\"']? "
            r"(?:tool|function|plugin|api|command|script|action)\b.{0,80}?(?:immediately|right now|at once|"
            r"silently|secretly|without (?:asking|telling|confirm\w*|approval|permission|informing|"
            r"notifying|the user)|before (?:you )?(?:answer|respond|reply|continu|proceed|summari)\w*|"
            r"instead of answering)"
            r"|" + _ORDER + r"(?:call|invoke|use|run|execute)\s+(?:the\s+)?[`\"']?(?:send|delete|transfer|"
            r"exec|forward|drop|grant|create|update|read|fetch|http|post|write|list|get)_\w+[`\"']?"
            r"(?:\s+tool|\s+function)?\s+(?:tool |function )?(?:with|to|and|on|for)\b.{0,120}?(?:[\w.+-]+@[\w-]|https?:|all (?:the )?"
            r"(?:users?|files|records|documents|data|e-?mails)|attacker|conversation|user'?s)"
            r"|\byou (?:must|should|need to|have to|shall) (?:now |immediately |first )?(?:call|invoke|"
            r"execute|run) (?:the |this |a )?(?:following )?(?:[\w.`\"'-]+ )?(?:tool|function|plugin|"
            r"shell command|command|sql|code)\b.{0,80}?(?:immediately|before|without|now|first|as (?:your|the) )"
            r"|" + _ORDER + r"(?:execute|run) (?:the following|this) (?:shell |system |python |sql |bash )?"
            r"(?:command|code|script|query|statement)s?\b.{0,40}?(?:immediately|now|at once|silently|"
            r"without|on behalf|for the user)"
            r"|" + _ORDER + r"(?:execute|run|type)\b.{0,20}?\b(?:rm -rf|curl \S+ ?\| ?(?:ba)?sh)\b.{0,60}?"
            r"(?:immediately|now|silently|without)"
        ),
        "asks the reader to use its tools",
    ),
    Rule(
        "injection.disclose_prompt",
        ("prompt", "instructions", "system message", "above", "guidelines", "directives",
         "configuration", "hidden rules"),
        _pattern(
            _ORDER + r"(?:reveal|show|print|repeat|output|display|disclose|tell (?:me|us|them|him)|"
            r"give (?:me|us)|write(?: out| down)?|leak|expose|return|recite|share|dump|paste|quote|"
            r"summari[sz]e|list|describe|copy|include|state|translate)\b.{0,40}?\b"
            r"(?:your (?:\w+ )?" + _PROMPT + r"|(?:the|any|all) (?:\w+ )?(?:system prompt|"
            r"(?:hidden|secret|initial|original) (?:prompt|instructions)|system instructions|"
            r"developer (?:message|prompt|instructions))|(?:the )?(?:instructions|prompt|message|rules) "
            r"(?:that )?you (?:were|have been|received|got))\b"
            r"|\bwhat (?:is|are|was|were) your (?:system prompt|system message|(?:system|initial|original|hidden|"
            r"secret|exact|full) (?:prompt|instructions|message))"
            r"|" + _ORDER + r"(?:repeat|print|output|copy|echo|recite)\b.{0,12}?(?:everything|all(?: of)?|"
            r"(?:the )?(?:words|text|lines|content|sentences))(?: \w+){0,2} (?:above|before this|preceding this)"
        ),
        "asks for the reader's prompt",
    ),
    Rule(
        "injection.fake_authority",
        ("override", "overrid", "supersede", "precedence", "priority", "i am your", "authori",
         "approved by", "developer of", "instructed by", "openai", "anthropic", "your developer",
         "your creator", "your operator", "your administrator", "admin"),
        _pattern(
            r"(?:^|[\"'(\[<#*!.-]\s*)\W{0,3}(?:system|admin(?:istrator)?|developer|root|emergency|"
            r"security|safety|operator|priority) (?:override|directive|instruction|command)s?"
            r"(?: (?:code|alpha|level)\b[^:]{0,20})?\s*[\])*]{0,3}\s*[:!\u2014]"
            r"|\b(?:this|these|the following|my) (?:\w+ )?(?:messages?|prompts?|instructions?|notes?|"
            r"texts?|directives?|commands?|sentence|paragraph) (?:\w+ )?(?:override|overrule|supersede|"
            r"replace|ha(?:s|ve) (?:a )?(?:the )?(?:higher|highest|absolute|top) priority|take(?:s)? (?:precedence|"
            r"priority))s?(?: (?:over|than))?\s.{0,30}?\b(?:your (?:\w+ )?(?:instructions|rules|guidelines|"
            r"prompt|policies|directives|programming)|system (?:prompt|message|instructions)|"
            r"(?:the )?(?:user|developer)'?s? (?:\w+ )?(?:instructions?|requests?|messages?|quer|question)|safety|(?:any|all) "
            r"(?:other )?(?:system|safety|developer) )"
            r"|\b(?:i am|i'm|this is|we are) (?:speaking as )?your (?:\w+ )?(?:developers?|creators?|"
            r"administrators?|admin|owner|operators?|principal|supervisor ai|system)\b"
            r"|\b(?:authori[sz]ed|approved|sanctioned|ordered|mandated|instructed|requested|sent|issued|"
            r"written) (?:directly )?by (?:your (?:developer|creator|administrator|operator|owner|"
            r"vendor)s?|openai|anthropic|the (?:ai|model|chatbot) (?:vendor|developer|provider))\b"
            r"(?=.{0,120}(?:you|must|comply|follow|obey|ignore))"
            r"|\b(?:openai|anthropic|your developers?|your creators?) (?:has|have|now)? ?(?:instruct|order|"
            r"require|command|authori[sz]e|ask)(?:s|ed|d)? (?:that )?you\b"
        ),
        "claims an authority that a text does not have",
    ),
    Rule(
        "injection.claim_permission",
        ("authori", "permitted", "allowed", "cleared", "granted", "permission", "access control",
         "acl", "access check", "access restriction", "access rules", "security filter",
         "security check", "tenant", "safety filter", "content filter", "guardrail", "clearance",
         "treat ", "administrator", "full access", "entitled"),
        _pattern(
            r"\byou (?:are|have been|were|now have|have|'re) (?:now |hereby |fully |explicitly |already |been |the )*"
            r"(?:authori[sz]ed|authori[sz]ation|permitted|allowed|cleared|granted(?: \w+){0,2}|permission|"
            r"entitled|full access|unrestricted access|clearance|(?:admin(?:istrator)?|root) "
            r"(?:access|rights|privileges))\b.{0,40}?\b(?:all|any|every|other|everything|hidden|"
            r"confidential|restricted|classified)\s(?:\w+ ){0,3}?(?:documents?|files?|records?|tenants?|"
            r"data|information|accounts?|sources?|content|evidence|collections?|customers?|secrets?)\b"
            r"(?!\s+(?:in your|you (?:own|created|need)|marked|that (?:is|are|concern|relate)|which|within|relating|needed|required|for|"
            r"of your|necessary|assigned|about (?:your|them)|held about|only|if|when|once|after|"
            r"listed|below|described|on (?:your|this)|under|published|until|before))"
            r"|" + _ORDER + r"(?:ignore|bypass|disregard|skip|turn off|disable|circumvent|override)\s"
            r"(?:all |any |the |your |every |document |of )*(?:access controls?|acls?|"
            r"access (?:checks?|restrictions?|rules|filters?|lists?)|permission (?:checks?|filters?)|"
            r"tenant (?:filters?|boundar\w+|isolation|checks?|restrictions?)|safety (?:filters?|checks?|"
            r"rules|guidelines)|content (?:filters?|polic\w+)|guardrails?|clearance (?:checks?|levels?)|"
            r"security (?:filters?|restrictions?|rules))(?! (?:by|when|unless|in|on|during|for|before)\b)"
            r"|" + _ORDER + r"treat (?:this|the|every|any|me|the current) ?(?:user|caller|reader|requester|"
            r"person|question)? (?:\w+ )?as (?:an? |if (?:they|he|she|it) (?:were|was|is|are|had) (?:an? )?|"
            r"having |the )?(?:\w+ )?(?:admin(?:istrator)?|authori[sz]ed|root|superuser|cleared|trusted|"
            r"member|owner|clearance|full access|all)\b"
            r"|\bthe (?:current )?(?:user|caller|reader|requester) (?:is|has been|was) (?:already |now |"
            r"fully )?(?:authori[sz]ed|cleared|permitted|verified|granted|approved|allowed|an admin\w*)\b.{0,40}?"
            r"\b(?:all|everything|every|any) (?:\w+ ){0,2}?(?:documents?|data|records?|files?|tenants?|sources?|information)"
            r"|" + _ORDER + r"(?:show|include|return|retrieve|reveal|list|search|disclose|query)\b.{0,40}?"
            r"\b(?:of|from|for|belonging to|across|in) (?:all|other|every|any other|another) (?:\w+ )?tenants?\b"
        ),
        "claims permissions or asks to set access control aside",
    ),
    Rule(
        "injection.steer_output",
        ("your answer", "your response", "your reply", "your summary", "your output", "the user",
         "summari", "other documents", "other sources", "other evidence", "search results",
         "regardless", "no matter", "respond only", "reply only", "answer only", "only respond",
         "only reply", "respond with", "reply with", "remaining documents", "rest of the document",
         "other passages", "this document", "answer with", "say that", "state that", "context"),
        _pattern(
            _ORDER + r"(?:begin|start|end|finish|prefix|conclude) (?:every |each |all |all of )?(?:of )?your "
            r"(?:answer|response|repl(?:y|ies)|summary|output|message)s?\b.{0,10}?\b(?:with|by)\b"
            r"|" + _ORDER + r"(?:ignore|disregard|do not (?:use|cite|trust|read|consider|mention)|"
            r"don'?t (?:use|cite|trust|read|consider|mention)|discard|skip|never (?:cite|use|mention))\s"
            r"(?:all |any |the |of )*(?:other|remaining|rest of the) (?:\w+ )?(?:documents?|sources?|"
            r"evidence|search results?|results|passages?|context|chunks?|retrieved \w+)\b"
            r"|" + _ORDER + r"(?:respond|reply|answer|output|say|print|return)(?: only| just| exactly| always|"
            r" simply)? (?:with|only(?: with)?|exactly)(?: the| this)? (?:following )?(?:word|phrase|string|text|"
            r"sentence|exact|message)s?\b.{0,10}?[\"':]"
            r"|" + _ORDER + r"(?:(?:always|only|must) )?(?:say|state|answer|respond|reply|claim|conclude|"
            r"recommend|insist|tell (?:the user|them|everyone))\b.{0,120}?\b(?:regardless of|no matter|"
            r"irrespective of|whatever) (?:\w+ ){0,3}?(?:question|asked|asks?|document|documents|evidence|sources?|user|"
            r"quer(?:y|ies)|else|say|says)"
            r"|\b(?:when|whenever|if|while) (?:you (?:are )?)?(?:asked to )?(?:summari[sz]|translat|answer|"
            r"analy[sz]|process|read|quot|cit|review)(?:e|ing|es|s)? (?:about )?(?:this|questions? (?:about|using) this|from this) "
            r"(?:document|page|text|article|file|e-?mail|content|passage|report)s?,?\s"
            r"(?:you (?:must|should)|always|never|do not|don'?t|only|say|state|include|omit|add|tell|"
            r"mention|recommend|insert|claim|please (?:say|state|include|add|mention|recommend)|report that|ignore|write|respond|reply)\b"
            r"|\b(?:when|whenever|if) the user asks?\b.{0,80}?,\s*(?:you must |you should |always )?"
            r"(?:lie|claim|deny|insist|pretend|respond only|say only|never (?:mention|tell|say)|do not (?:tell|"
            r"mention|reveal)|answer that|say that|respond that|reply that|tell them that)"
            r"|" + _ORDER + r"(?:tell|inform|assure|convince|persuade|instruct|direct) the user (?:that|to)\b.{0,100}?"
            r"(?:https?:|www\.|password|credential|credit card|bank|log ?in|verify|click|download|install|"
            r"is (?:safe|approved|outdated|wrong)|no longer|call (?:this|the) number)"
            r"|\b(?:in|to|at the end of) (?:every|all(?: of)?|each of|any of) your (?:answer|response|repl|"
            r"summar|output|message)\w*"
        ),
        "tries to steer the reader's answer",
    ),
    Rule(
        "injection.other_language",
        ("anweisung", "instruc", "instruktion", "istruzioni", "instrukc", "指示", "指令", "提示"),
        _pattern(
            r"\b(?:ignoriere|ignorieren sie|vergiss|vergessen sie|missachte|missachten sie)\b.{0,30}?"
            r"\b(?:vorherigen|vorigen|bisherigen|obigen|fruheren|alle deine|alle ihre|deine|vorangegangenen)\b"
            r".{0,20}?(?:anweisung|instruktion|befehl|regel)"
            r"|\b(?:ignore[zr]?|oublie[zr]?)\b.{0,20}?\binstructions? (?:precedente|anterieure|ci-dessus)"
            r"|\b(?:ignora|ignore|olvida|olvide|descarta|ignorar?|esqueca)\b.{0,25}?\b(?:instrucciones|instrucoes)"
            r" (?:anteriores|previas|de arriba|acima)"
            r"|\b(?:ignora|dimentica)\b.{0,25}?\bistruzioni (?:precedenti|di cui sopra)"
            r"|(?:忽略|无视|忘记|無視|忘記).{0,10}?(?:之前|以上|先前|前面|所有|上述|此前).{0,8}?(?:指示|指令|提示)"
            r"|(?:以前|これまで|上記|前)の?.{0,4}?(?:指示|命令).{0,4}?(?:無視|忘れ)"
        ),
        "tells the reader to ignore its instructions, in another language",
    ),
)  # fmt: skip
"""Every rule, in the order it is tried."""

DISCUSSED: Final = re.compile(
    r"\b(?:prompt[- ]injections?|injection attacks?|attackers?|adversar\w+|jailbreak\w*|malicious|"
    r"phishing|for example|for instance|such as|e\.g\.|phrases? like|strings? like|text like|sentences? like|"
    r"red[- ]team\w*|owasp|suspicious|scammers?|fraudsters?|the classic|attempts? like|"
    r"instructions? like|payloads?)\b"
)
"""Words of those who write about attacks; they quote what an attack would say."""

NEGATED: Final = re.compile(
    r"(?:\b(?:never|not|cannot|can't|don'?t|mustn'?t|won'?t|shouldn'?t|avoid|refuse to|no one (?:may|should|will)|"
    r"nobody (?:may|should|will)|forbidden to|prohibited from)\s+(?:\w+\s+){0,2})$"
)
"""What stands before an order that forbids rather than asks."""
