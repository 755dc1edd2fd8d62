"""The table of injection rules: what a text says when it speaks to the machine that reads it.

Each rule has literal anchors, looked for first, and a pattern tried on the sentence around one.
Patterns are written for folded text (lower case, look-alikes folded), use bounded gaps only, and
want the imperative: "employees must ignore …" is a policy, "ignore …" at the start is an order.

Here: rules about who is spoken to and in what name; `injection_actions` holds what is asked for.
What must never live here: code. A rule that needs code is not a rule of this table.
"""

from typing import Final

from verifier.injection_actions import ACTIONS
from verifier.injection_language import IGNORE, MACHINE, ORDER, THIS_TEXT, Rule

_ADDRESSES: Final = (
    Rule(
        "injection.ignore_previous",
        ("ignore", "disregard", "forget", "overr", "bypass", "discard", "neglect", "dismiss",
         "set aside", "stop ", "not follow", "not obey", "n't follow", "n't obey", "no attention",
         "erase", "drop", "abandon", "cancel"),
        (
            ORDER + IGNORE + r"(?:\s+\w+){0,3}?\s+(?:"
            r"(?:previous|prior|above|earlier|preceding|foregoing|initial|original|system|existing|"
            r"current|former|past)(?:\s+\w+){0,3}?\s+(?:instructions?|prompts?|directives?|"
            r"commands?|guidelines|orders|messages? from the (?:system|user)|rules|context|"
            r"training)"
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
            r"|(?:what|whatever) (?:you were told|was said|came before|the (?:system|user|"
            r"developer)"
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
        (
            r"\b(?:your|the following are your|here are your) (?:\w+ ){0,2}?(?:new|real|actual|"
            r"true|"
            r"updated|only|revised) (?:\w+ )?(?:instructions?|tasks?|objectives?|directives?|"
            r"goals?|"
            r"mission|role|rules)\b"
            r"|^\W*(?:new|updated|real|actual|secret) (?:system )?(?:instructions?|directives?)\s*"
            r"(?:for (?:you|the (?:model|assistant|ai)))?\s*:\s*(?:you|ignore|always|never|respond|"
            r"reply|do|send|print|output|forget|act|answer|say|from)"
            r"|\bfrom now on,? (?:you|ignore|respond|act|answer|reply|always (?:answer|respond|"
            r"reply)|"
            r"obey|speak|pretend|your)(?! (?:can|may|could|receive|do not need|need not|"
            r"no longer need"
            r"|will (?:receive|find|be able|get|see|need)|(?:\w+ ){1,2}?(?:is|are|can|may) ))"
            r"|\binstead of answering\b|" + ORDER + r"follow (?:only )?(?:these|my) (?:new )?"
            r"instructions (?:instead|only|from now)"
        ),
        "gives the reader new instructions",
    ),
    Rule(
        "injection.role_change",
        ("you are now", "you're now", "act as", "pretend", "roleplay", "role-play", "behave as",
         " mode", "jailbreak", "do anything now", "no longer bound", "unrestricted", "simulate"),
        (
            r"\byou(?: are|'re) now (?:going to (?:act|be|play|pretend)|called \w+|dan\b|"
            r"free (?:from|of)|"
            r"(?:in )?(?:\w+ )?(?:developer|debug|god|jailbreak|dan|unrestricted|maintenance|"
            r"root|sudo) "
            r"mode|unrestricted|no longer (?:bound|restricted|limited|an? )|jailbroken|"
            r"(?:an?|the) (?:[\w-]+ ){0,4}?(?:ai|assistant|model|bot|chatbot|persona|hacker|"
            r"terminal|interpreter|llm|shell|agent without|pirate|oracle)\b)"
            r"|" + ORDER + r"(?:act|behave|respond|answer|roleplay|role-play|pretend|simulate)"
            r"(?: to be| being| that you are| you are| as(?: if you (?:are|were|had|have))?|"
            r"ing as)?"
            r" (?:an? |the )?(?:[\w-]+ ){0,3}?(?:dan\b|unrestricted|unfiltered|uncensored|"
            r"jailbroken|"
            r"evil|no (?:restrictions|rules|limits|filters)|ai (?:model )?(?:with|without)|"
            r"ai\b|language model|root (?:shell|user)|linux terminal|"
            r"without (?:any )?(?:restrictions|"
            r"rules|filters|limits))"
            r"|" + ORDER + r"(?:enter|enable|activate|switch (?:in)?to|go into) (?:\w+ )?(?:dan|"
            r"god|"
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
        (" ai", "\nai", "(ai", '"ai', "[ai", "a.i", "llm", "l.l.m", "language model", "chatbot",
         "chat bot", "gpt", "claude", "copilot", "gemini", "assistant", "autonomous agent",
         "virtual agent", "digital agent", "automated agent", "intelligent agent", "summarizer",
         "summariser", "machine reader"),
        (
            r"(?:^|[\"'(\[<#*!:.\-]\s*)(?:attention|notice|note|message|instructions?|notes?|"
            r"reminder|dear|hey|hello|"
            r"hi|important|warning|directive|memo|request|order)s?(?: note| notice| message|"
            r" instructions?)?"
            r"(?:,|:)? (?:(?:to|for) )?(?:any |all |the |every )?" + MACHINE
            + r"(?: (?:reading|processing|that reads?|that process(?:es)?|who reads?|parsing|"
            r"summari[sz]ing|analy[sz]ing)\b|\s*(?:[:,!\u2014-]|$))"
            r"|(?:^|[\"'(\[<#*!.-]\s*)(?:attention|hey|dear)(?: the)? assistant\s*[:,!-]"
            r"|\b(?:if|when|since|because) you(?:'re| are) (?:an? |"
            r"the )?(?:\w+ )?" + MACHINE + r"\b"
            r"(?!.{0,60}\b(?:developer|vendor|provider|customer|deploy))"
            r"|\bas an? (?:\w+ )?(?:ai|language model|llm|ai (?:language model|assistant|agent|"
            r"model)),?"
            r" you (?:must|should|will|are|have|need|shall|can)\b"
            r"|\b(?:any |all |the |every |an )?" + MACHINE + r"(?: (?:that|who|which) (?:is |"
            r"are )?)?"
            r" ?(?:reading|processing|summari[sz]ing|parsing|analy[sz]ing|indexing|reads?|handling|"
            r"evaluating|reviewing|process(?:es)?) " + THIS_TEXT + r",? (?:must|should|shall|is|"
            r"are|"
            r"will|needs?|has to|have to|please)\b"
            r"|^\W*(?:assistant|" + MACHINE + r")\s*[:,]\s*(?:please |you |now )?(?:ignore|"
            r"disregard|"
            r"forget|send|call|reply|respond|tell|say|do|run|output|must|should|print|reveal|"
            r"execute|"
            r"include|always|never|stop|follow)\b"
        ),
        "speaks to the machine that reads it",
    ),
    Rule(
        "injection.secrecy",
        ("the user", "the human", "this instruction", "these instruction", "this message",
         "this note", "this prompt", "this comment", "hidden text", "this request", "secret",
         "this step", "this action"),
        (
            r"\b(?:do not|don'?t|never|must not|should not|without|avoid) (?:ever )?"
            r"(?:tell|telling|inform|informing|mention|mentioning|reveal|revealing|disclose|"
            r"disclosing|notify|notifying|alert|alerting|warn|warning|show|showing|let|letting|"
            r"acknowledge|acknowledging|discuss|admit|repeat)"
            r"(?:(?: (?:this|it|that|anything))? (?:to )?(?:the |any |your )?(?:user|human|"
            r"person|reader)s?"
            r"(?: know)?[ ,]*(?:about |that |of )*(?:this (?:\w+ )?(?:instruction|message|note|"
            r"request|prompt|"
            r"action|step|command|text|call|tool|comment)|these (?:\w+ )?(?:instructions|steps|"
            r"commands)|"
            r"you (?:were|have|did|are|sent|called|read|received)|your (?:instructions|actions)|"
            r"anything)"
            r"|(?: (?:this|it|that|anything)) to (?:the |any |your )(?:user|human|reader)\b"
            r"|(?: of)? (?:this|these|that this|the existence of (?:this|"
            r"these)) (?:\w+ )?(?:instruction|"
            r"prompt|hidden text|command|note|message|comment)s?"
            r"(?: (?:to (?:the |any |your )?(?:user|human|reader|anyone)|in your|when|exists?|"
            r"in the "
            r"(?:answer|response|reply|summary))|\s*[.!\"')]*$))"
            r"|\bkeep (?:this|these|the) (?:\w+ )?(?:instruction|prompt|request|command|action|"
            r"step|"
            r"message|note)s? (?:a )?(?:secret|hidden|confidential|private|to yourself)(?: from)?"
            r"|\b(?:hide|conceal|keep) (?:this|it|that|these|your actions|all (?:this|"
            r"traces)) (?:\w+ )?"
            r"(?:from|secret from|hidden from) the (?:user|human|reader)\b"
            r"|\bthe (?:user|human) (?:must|should|may|can|need|does) ?(?:not|"
            r"never)n?'?t? (?:ever )?"
            r"(?:know|see|learn|notice|find out|be told|be informed|be aware)(?: about| of| that)? "
            r"(?:this|these|you|that|it)"
        ),
        "asks for secrecy towards the user",
    ),
    Rule(
        "injection.other_language",
        ("anweisung", "instruc", "instruktion", "istruzioni", "instrukc", "指示", "指令", "提示"),
        (
            r"\b(?:ignoriere|ignorieren sie|vergiss|vergessen sie|missachte|"
            r"missachten sie)\b.{0,30}?"
            r"\b(?:vorherigen|vorigen|bisherigen|obigen|fruheren|alle deine|alle ihre|deine|"
            r"vorangegangenen)\b"
            r".{0,20}?(?:anweisung|instruktion|befehl|regel)"
            r"|\b(?:ignore[zr]?|oublie[zr]?)\b.{0,20}?\binstructions? (?:precedente|anterieure|"
            r"ci-dessus)"
            r"|\b(?:ignora|ignore|olvida|olvide|descarta|ignorar?|"
            r"esqueca)\b.{0,25}?\b(?:instrucciones|instrucoes)"
            r" (?:anteriores|previas|de arriba|acima)"
            r"|\b(?:ignora|dimentica)\b.{0,25}?\bistruzioni (?:precedenti|di cui sopra)"
            r"|(?:忽略|无视|忘记|無視|忘記).{0,10}?(?:之前|以上|先前|前面|所有|上述|此前).{0,8}?(?:指示|指令|提示)"
            r"|(?:以前|これまで|上記|前)の?.{0,4}?(?:指示|命令).{0,4}?(?:無視|忘れ)"
        ),
        "tells the reader to ignore its instructions, in another language",
    ),
)  # fmt: skip

RULES: Final = (*_ADDRESSES, *ACTIONS)
"""Every rule, in the order it is tried."""
