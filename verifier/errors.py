"""Every error the verifier raises on purpose.

```
VerifierError
├── OffsetMapError     offset_map_invalid     a span outside a map, or bytes that are no map
├── FindingError       finding_invalid        a stored finding that cannot be read
├── MintError          sanitised_text_minted  somebody other than sanitise() made SanitisedText
├── QuoteTooLongError  quote_too_long         a quote beyond the limit of the quote check
├── ScreenModelError   screen_model_invalid   weights that are not those that were reviewed
└── SupportModelError  support_model_invalid  the same of the judge of support
```

What must never live here: the HTTP status of an error; that is decided once, in the web layer.
"""

from typing import ClassVar


class VerifierError(Exception):
    """The root: something the verifier was asked that it refuses."""

    code: ClassVar[str] = "verifier_error"


class OffsetMapError(VerifierError):
    """A span outside the mapped text, or bytes that do not decode to a map."""

    code: ClassVar[str] = "offset_map_invalid"


class FindingError(VerifierError):
    """A stored finding with a missing or unknown field."""

    code: ClassVar[str] = "finding_invalid"


class MintError(VerifierError):
    """SanitisedText was built by hand; only `verifier.sanitise.sanitise` may make one."""

    code: ClassVar[str] = "sanitised_text_minted"


class QuoteTooLongError(VerifierError):
    """A quote longer than the check accepts; cite a shorter span."""

    code: ClassVar[str] = "quote_too_long"


class ScreenModelError(VerifierError):
    """The weights of the trained screen are missing, damaged or not those that were reviewed."""

    code: ClassVar[str] = "screen_model_invalid"


class SupportModelError(VerifierError):
    """The weights of the trained judge are missing, damaged or not those that were reviewed."""

    code: ClassVar[str] = "support_model_invalid"
