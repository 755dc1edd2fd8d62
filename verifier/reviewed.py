"""Files of weights that come with the package: the ones that were reviewed, or none.

What must never live here: what the bytes mean.
"""

import hashlib
from importlib.resources import files

from verifier.errors import VerifierError


def reviewed(name: str, sha256: str, refusal: type[VerifierError]) -> bytes:
    """The bytes of a file of weights, checked before anybody reads them.

    Args:
        name: of a file in ``verifier.models``.
        sha256: what it must hash to.
        refusal: the error to raise.

    Raises:
        VerifierError: as ``refusal``: the file is missing, or not the one that was reviewed.
    """
    try:
        stored = files("verifier.models").joinpath(name).read_bytes()
    except OSError as error:
        raise refusal(f"{name} cannot be read ({error.strerror}); reinstall the package") from error
    actual = hashlib.sha256(stored).hexdigest()
    if actual != sha256:
        raise refusal(
            f"{name} has SHA-256 {actual}, expected {sha256}: it is not the reviewed file, and it "
            "is refused; reinstall the package"
        )
    return stored
