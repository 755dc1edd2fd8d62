"""The second table of injection rules: what a text asks the machine that reads it to do.

See `injection_rules` for how a rule is written; what must never live here is the same: code.
"""

from typing import Final

from verifier.injection_language import ORDER, PROMPT, SECRETS, Rule

ACTIONS: Final = (
    Rule(
        "injection.exfiltrate",
        ("send", "post", "forward", "upload", "transmit", "exfiltrat", "mail", "leak", "submit",
         "append", "include", "encode", "embed", "copy", "insert", "fetch", "request", "visit",
         "open", "navigate", "render", "load"),
        (
            ORDER + r"(?:send|post|forward|upload|transmit|exfiltrate|e-?mail|leak|submit|copy|"
            r"deliver|report|relay)\b(?=\s).{0,60}?\b" + SECRETS + r".{0,80}?\b(?:to|at|via|"
            r"into|through)"
            r"\s.{0,40}?(?:https?:|www\.|[\w.+-]+@[\w-]|\burl\b|webhook|endpoint|server|"
            r"address|attacker|[\w-]+\.(?:com|net|org|io|example|dev|xyz|ru|cn)\b)"
            r"|\bexfiltrate (?:the|all|any|every|your|this|user)\b"
            r"|" + ORDER + r"(?:append|add|include|encode|embed|insert|put|attach|"
            r"place)\b.{0,60}?\b"
            r"(?:conversation|chat history|user'?s?|the question|the answer|your answer|"
            r"previous messages|"
            r"system prompt|retrieved|context|secrets?|summary of (?:this|"
            r"the))\b.{0,60}?\b(?:to|in|into|as|"
            r"at|on)\s.{0,40}?(?:\burls?\b|query (?:string|param)|https?:|image|markdown link|"
            r"hyperlink)"
            r"|" + ORDER + r"(?:fetch|visit|open|load|render|request|navigate to|browse to|display|"
            r"show|include|get)\b.{0,40}?"
            r"(?:https?://|www\.)\S{0,200}(?:=|/)[{<\[$]?\s?(?:data|secret|conversation|history|"
            r"prompt|"
            r"answer|query|your|user|base64|insert|content)"
            r"|" + ORDER + r"(?:render|display|show|output|include|insert|add|embed)\b.{0,30}?\b"
            r"(?:markdown )?(?:image|link|picture|pixel)\b.{0,60}?\b(?:in|to|with|"
            r"at the end of) (?:your|the) "
            r"(?:answer|response|reply|output|summary)\b.{0,120}?(?:https?:|url|data|conversation)"
        ),
        "asks to send data out",
    ),
    Rule(
        "injection.tool_use",
        ("tool", "function", "plugin", " api", "shell", "command", "browser", " code", "sql",
         "script", "terminal", "e-mail access", "email access", "file access", "web access",
         "_", "rm -rf", "curl "),
        (
            ORDER + r"(?:call|invoke|use|run|execute|"
            r"trigger)\b.{0,40}?\byour (?:\w+ )?(?:tools?|functions?|"
            r"plugins?|(?:email|e-mail|browser|browsing|file|shell|search|code|web|memory|"
            r"terminal) "
            r"(?:tool|access|function|capabilit\w+|interpreter|plugin))"
            r"|" + ORDER + r"(?:call|invoke|use|run|execute|trigger) (?:the |"
            r"a )?[`\"']?[\w.-]+[`\"']? "
            r"(?:tool|function|plugin|api|command|script|action)\b.{0,80}?(?:immediately|"
            r"right now|at once|"
            r"silently|secretly|without (?:asking|telling|confirm\w*|approval|permission|informing|"
            r"notifying|the user)|before (?:you )?(?:answer|respond|reply|continu|proceed|"
            r"summari)\w*|"
            r"instead of answering)"
            r"|" + ORDER + r"(?:call|invoke|use|run|execute)\s+(?:the\s+)?[`\"']?(?:send|delete|"
            r"transfer|"
            r"exec|forward|drop|grant|create|update|read|fetch|http|post|write|list|get)_\w+[`\"']?"
            r"(?:\s+tool|\s+function)?\s+(?:tool |function )?(?:with|to|and|on|"
            r"for)\b.{0,120}?(?:[\w.+-]+@[\w-]|https?:|all (?:the )?"
            r"(?:users?|files|records|documents|data|e-?mails)|attacker|conversation|user'?s)"
            r"|\byou (?:must|should|need to|have to|shall) (?:now |immediately |first )?(?:call|"
            r"invoke|"
            r"execute|run) (?:the |this |a )?(?:following )?(?:[\w.`\"'-]+ )?(?:tool|function|"
            r"plugin|"
            r"shell command|command|sql|code)\b.{0,80}?(?:immediately|before|without|now|first|"
            r"as (?:your|the) )"
            r"|" + ORDER + r"(?:execute|run) (?:the following|this) (?:shell |system |python |"
            r"sql |bash )?"
            r"(?:command|code|script|query|statement)s?\b.{0,40}?(?:immediately|now|at once|"
            r"silently|"
            r"without|on behalf|for the user)"
            r"|" + ORDER + r"(?:execute|run|type)\b.{0,20}?\b(?:rm -rf|"
            r"curl \S+ ?\| ?(?:ba)?sh)\b.{0,60}?"
            r"(?:immediately|now|silently|without)"
        ),
        "asks the reader to use its tools",
    ),
    Rule(
        "injection.disclose_prompt",
        ("prompt", "instructions", "system message", "above", "guidelines", "directives",
         "configuration", "hidden rules"),
        (
            ORDER + r"(?:reveal|show|print|repeat|output|display|disclose|tell (?:me|us|them|him)|"
            r"give (?:me|us)|write(?: out| down)?|leak|expose|return|recite|share|dump|paste|quote|"
            r"summari[sz]e|list|describe|copy|include|state|translate)\b.{0,40}?\b"
            r"(?:your (?:\w+ )?" + PROMPT + r"|(?:the|any|all) (?:\w+ )?(?:system prompt|"
            r"(?:hidden|secret|initial|original) (?:prompt|instructions)|system instructions|"
            r"developer (?:message|prompt|instructions))|(?:the )?(?:instructions|prompt|"
            r"message|rules) "
            r"(?:that )?you (?:were|have been|received|got))\b"
            r"|\bwhat (?:is|are|was|were) your (?:system prompt|system message|(?:system|"
            r"initial|original|hidden|"
            r"secret|exact|full) (?:prompt|instructions|message))"
            r"|" + ORDER + r"(?:repeat|print|output|copy|echo|recite)\b.{0,12}?(?:everything|"
            r"all(?: of)?|"
            r"(?:the )?(?:words|text|lines|content|sentences))(?: \w+){0,2} (?:above|"
            r"before this|preceding this)"
        ),
        "asks for the reader's prompt",
    ),
    Rule(
        "injection.fake_authority",
        ("override", "overrid", "supersede", "precedence", "priority", "i am your", "authori",
         "approved by", "developer of", "instructed by", "openai", "anthropic", "your developer",
         "your creator", "your operator", "your administrator", "admin"),
        (
            r"(?:^|[\"'(\[<#*!.-]\s*)\W{0,3}(?:system|admin(?:istrator)?|developer|root|emergency|"
            r"security|safety|operator|priority) (?:override|directive|instruction|command)s?"
            r"(?: (?:code|alpha|level)\b[^:]{0,20})?\s*[\])*]{0,3}\s*[:!\u2014]"
            r"|\b(?:this|these|the following|my) (?:\w+ )?(?:messages?|prompts?|instructions?|"
            r"notes?|"
            r"texts?|directives?|commands?|sentence|paragraph) (?:\w+ )?(?:override|overrule|"
            r"supersede|"
            r"replace|ha(?:s|ve) (?:a )?(?:the )?(?:higher|highest|absolute|top) priority|"
            r"take(?:s)? (?:precedence|"
            r"priority))s?(?: (?:over|than))?\s.{0,30}?\b(?:your (?:\w+ )?(?:instructions|rules|"
            r"guidelines|"
            r"prompt|policies|directives|programming)|system (?:prompt|message|instructions)|"
            r"(?:the )?(?:user|developer)'?s? (?:\w+ )?(?:instructions?|requests?|messages?|"
            r"quer|question)|safety|(?:any|all) "
            r"(?:other )?(?:system|safety|developer) )"
            r"|\b(?:i am|i'm|this is|we are) (?:speaking as )?your (?:\w+ )?(?:developers?|"
            r"creators?|"
            r"administrators?|admin|owner|operators?|principal|supervisor ai|system)\b"
            r"|\b(?:authori[sz]ed|approved|sanctioned|ordered|mandated|instructed|requested|"
            r"sent|issued|"
            r"written) (?:directly )?by (?:your (?:developer|creator|administrator|operator|owner|"
            r"vendor)s?|openai|anthropic|the (?:ai|model|chatbot) (?:vendor|developer|provider))\b"
            r"(?=.{0,120}(?:you|must|comply|follow|obey|ignore))"
            r"|\b(?:openai|anthropic|your developers?|your creators?) (?:has|have|"
            r"now)? ?(?:instruct|order|"
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
        (
            r"\byou (?:are|have been|were|now have|have|'re) (?:now |hereby |fully |explicitly |"
            r"already |been |the )*"
            r"(?:authori[sz]ed|authori[sz]ation|permitted|allowed|cleared|granted(?: \w+){0,2}|"
            r"permission|"
            r"entitled|full access|unrestricted access|clearance|(?:admin(?:istrator)?|root) "
            r"(?:access|rights|privileges))\b.{0,40}?\b(?:all|any|every|other|everything|hidden|"
            r"confidential|restricted|classified)\s(?:\w+ ){0,3}?(?:documents?|files?|records?|"
            r"tenants?|"
            r"data|information|accounts?|sources?|content|evidence|collections?|customers?|"
            r"secrets?)\b"
            r"(?!\s+(?:in your|you (?:own|created|need)|marked|that (?:is|are|concern|relate)|"
            r"which|within|relating|needed|required|for|"
            r"of your|necessary|assigned|about (?:your|them)|held about|only|if|when|once|after|"
            r"listed|below|described|on (?:your|this)|under|published|until|before))"
            r"|" + ORDER + r"(?:ignore|bypass|disregard|skip|turn off|disable|circumvent|"
            r"override)\s"
            r"(?:all |any |the |your |every |document |of )*(?:access controls?|acls?|"
            r"access (?:checks?|restrictions?|rules|filters?|lists?)|permission (?:checks?|"
            r"filters?)|"
            r"tenant (?:filters?|boundar\w+|isolation|checks?|restrictions?)|safety (?:filters?|"
            r"checks?|"
            r"rules|guidelines)|content (?:filters?|polic\w+)|guardrails?|clearance (?:checks?|"
            r"levels?)|"
            r"security (?:filters?|restrictions?|rules))(?! (?:by|when|unless|in|on|during|for|"
            r"before)\b)"
            r"|" + ORDER + r"treat (?:this|the|every|any|me|the current) ?(?:user|caller|reader|"
            r"requester|"
            r"person|question)? (?:\w+ )?as (?:an? |if (?:they|he|she|it) (?:were|was|is|are|"
            r"had) (?:an? )?|"
            r"having |the )?(?:\w+ )?(?:admin(?:istrator)?|authori[sz]ed|root|superuser|cleared|"
            r"trusted|"
            r"member|owner|clearance|full access|all)\b"
            r"|\bthe (?:current )?(?:user|caller|reader|requester) (?:is|has been|"
            r"was) (?:already |now |"
            r"fully )?(?:authori[sz]ed|cleared|permitted|verified|granted|approved|allowed|"
            r"an admin\w*)\b.{0,40}?"
            r"\b(?:all|everything|every|any) (?:\w+ ){0,2}?(?:documents?|data|records?|files?|"
            r"tenants?|sources?|information)"
            r"|" + ORDER + r"(?:show|include|return|retrieve|reveal|list|search|disclose|"
            r"query)\b.{0,40}?"
            r"\b(?:of|from|for|belonging to|across|in) (?:all|other|every|any other|"
            r"another) (?:\w+ )?tenants?\b"
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
        (
            ORDER + r"(?:begin|start|end|finish|prefix|conclude) (?:every |each |all |"
            r"all of )?(?:of )?your "
            r"(?:answer|response|repl(?:y|ies)|summary|output|message)s?\b.{0,10}?\b(?:with|by)\b"
            r"|" + ORDER + r"(?:ignore|disregard|do not (?:use|cite|trust|read|consider|mention)|"
            r"don'?t (?:use|cite|trust|read|consider|mention)|discard|skip|never (?:cite|use|"
            r"mention))\s"
            r"(?:all |any |the |of )*(?:other|remaining|rest of the) (?:\w+ )?(?:documents?|"
            r"sources?|"
            r"evidence|search results?|results|passages?|context|chunks?|retrieved \w+)\b"
            r"|" + ORDER + r"(?:respond|reply|answer|output|say|print|return)(?: only| just|"
            r" exactly| always|"
            r" simply)? (?:with|only(?: with)?|exactly)(?: the| this)? (?:following )?(?:word|"
            r"phrase|string|text|"
            r"sentence|exact|message)s?\b.{0,10}?[\"':]"
            r"|" + ORDER + r"(?:(?:always|only|must) )?(?:say|state|answer|respond|reply|claim|"
            r"conclude|"
            r"recommend|insist|tell (?:the user|them|everyone))\b.{0,120}?\b(?:regardless of|"
            r"no matter|"
            r"irrespective of|whatever) (?:\w+ ){0,3}?(?:question|asked|asks?|document|"
            r"documents|evidence|sources?|user|"
            r"quer(?:y|ies)|else|say|says)"
            r"|\b(?:when|whenever|if|while) (?:you (?:are )?)?(?:asked to )?(?:summari[sz]|"
            r"translat|answer|"
            r"analy[sz]|process|read|quot|cit|review)(?:e|ing|es|s)? (?:about )?(?:this|"
            r"questions? (?:about|using) this|from this) "
            r"(?:document|page|text|article|file|e-?mail|content|passage|report)s?,?\s"
            r"(?:you (?:must|should)|always|never|do not|don'?t|only|say|state|include|omit|add|"
            r"tell|"
            r"mention|recommend|insert|claim|please (?:say|state|include|add|mention|recommend)|"
            r"report that|ignore|write|respond|reply)\b"
            r"|\b(?:when|whenever|if) the user asks?\b.{0,80}?,\s*(?:you must |you should |"
            r"always )?"
            r"(?:lie|claim|deny|insist|pretend|respond only|say only|never (?:mention|tell|say)|"
            r"do not (?:tell|"
            r"mention|reveal)|answer that|say that|respond that|reply that|tell them that)"
            r"|" + ORDER + r"(?:tell|inform|assure|convince|persuade|instruct|"
            r"direct) the user (?:that|to)\b.{0,100}?"
            r"(?:https?:|www\.|password|credential|credit card|bank|log ?in|verify|click|"
            r"download|install|"
            r"is (?:safe|approved|outdated|wrong)|no longer|call (?:this|the) number)"
            r"|\b(?:in|to|at the end of) (?:every|all(?: of)?|each of|any of) your (?:answer|"
            r"response|repl|"
            r"summar|output|message)\w*"
        ),
        "tries to steer the reader's answer",
    ),
)  # fmt: skip
"""What may be asked for, in the order it is tried."""
