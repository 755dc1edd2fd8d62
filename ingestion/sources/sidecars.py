"""Which ACL the files of a tree stand under, by the ``.acl.yaml`` files that stand in it.

A folder with an ``.acl.yaml`` has an ACL named ``PREFIX:PATH`` whose parent is that of the nearest
folder above; an override for files has one named ``PREFIX:PATH#PATTERN`` beneath it. A file stands
under the nearest; under none at all it is unlabelled. Where an ``.acl.yaml`` cannot be obeyed,
everything beneath is closed. What never lives here: walking a tree, or reading anything.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from ingestion.documents import AclEntrySpec, AclSpec, SourceFailure
from ingestion.errors import AclFileError
from ingestion.sources.acl_file import AclFile, parse_acl_file

SIDECAR = ".acl.yaml"


class Branch(Protocol):
    """A folder of a tree."""

    @property
    def relative(self) -> str:
        """POSIX path below the root in NFC; empty for the root."""
        ...

    @property
    def parent(self) -> str:
        """The ``relative`` of the folder above; the root's is empty too."""
        ...

    @property
    def sidecars(self) -> tuple[str, ...]:
        """Names that are, or look as if meant to be, an ``.acl.yaml``."""
        ...


B = TypeVar("B", bound=Branch)


@dataclass(frozen=True, slots=True)
class Label:
    """What holds for the files of one folder.

    Attributes:
        acl: Name of the ACL they stand under, overrides aside; None means unlabelled.
        sidecar: The ``.acl.yaml`` of this very folder; its overrides apply here alone.
        problem: Why nothing here or beneath may be offered.
    """

    acl: str | None = None
    sidecar: AclFile | None = None
    problem: AclFileError | None = None

    def acl_of(self, name: str) -> str | None:
        """The ACL of a file of this folder."""
        rule = self.sidecar.rule_for(name) if self.sidecar else None
        return f"{self.acl}#{rule.pattern}" if rule else self.acl


class Labels(Generic[B]):
    """The labels of a tree.

    Args:
        prefix: What the names of its ACLs begin with.
        given: Entries that hold for the root, as if its ``.acl.yaml`` said so.
        read: Reads the ``.acl.yaml`` of a folder that has one; raises ``AclFileError``.
    """

    def __init__(
        self, prefix: str, given: tuple[AclEntrySpec, ...], read: Callable[[B], bytes]
    ) -> None:
        self._prefix = prefix
        self._given = given
        self._read = read

    def specs(self, folders: Iterable[B]) -> list[AclSpec]:
        """The ACLs of all folders and overrides, parents first."""
        specs: list[AclSpec] = []
        for folder, label, above in self.labelled(folders):
            has_own = label.sidecar is not None or (not folder.relative and self._given)
            if label.problem is not None or label.acl is None or not has_own:
                continue
            sidecar = label.sidecar or AclFile(inherit=True, entries=(), files=())
            entries = sidecar.entries if folder.relative else (*self._given, *sidecar.entries)
            specs.append(AclSpec(label.acl, above.acl, sidecar.inherit, entries))
            specs.extend(
                AclSpec(f"{label.acl}#{rule.pattern}", label.acl, rule.inherit, rule.entries)
                for rule in sidecar.files
            )
        return specs

    def labelled(self, folders: Iterable[B]) -> Iterator[tuple[B, Label, Label]]:
        """Yield each folder, which comes after its parent, with its label and that above."""
        labels: dict[str, Label] = {}
        for folder in folders:
            above = labels[folder.parent] if folder.relative else Label()
            label = labels[folder.relative] = self._label(folder, above)
            yield folder, label, above

    def _label(self, folder: B, above: Label) -> Label:
        if above.problem is not None:
            return Label(problem=above.problem)
        try:
            sidecar = self._sidecar(folder)
        except AclFileError as error:
            return Label(problem=error)
        if sidecar is None and (folder.relative or not self._given):
            return Label(acl=above.acl)
        # `#` sets overrides apart, so it must not come from a folder's own name.
        path = folder.relative.replace("%", "%25").replace("#", "%23") or "/"
        return Label(acl=f"{self._prefix}:{path}", sidecar=sidecar)

    def _sidecar(self, folder: B) -> AclFile | None:
        """Return what the folder's ``.acl.yaml`` says; None if there is none.

        Raises:
            AclFileError: It is malformed or unreadable, or something that looks meant as one is
                not named as one: passing over it would open what somebody meant to close.
        """
        for name in folder.sidecars:
            if name != SIDECAR:
                message = f"looks meant as permissions but is not read; name it {SIDECAR}"
                raise AclFileError(message, file=_join(folder.relative, name))
        if not folder.sidecars:
            return None
        return parse_acl_file(self._read(folder), file=sidecar_of(folder))


def sidecar_of(folder: Branch) -> str:
    """The path of a folder's ``.acl.yaml`` relative to the source."""
    return _join(folder.relative, SIDECAR)


def closed(external_id: str, problem: AclFileError) -> SourceFailure:
    """Report what is not offered because its permissions cannot be read."""
    message = f"not offered, because its permissions cannot be read: {problem}"
    return SourceFailure(external_id, problem.code, message)


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
