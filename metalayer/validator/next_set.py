"""The next validator set that an operator agreed to."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from metalayer.attesting.set_file import parse_set
from metalayer.errors import MetalayerError
from metalayer.protocol.attestation import ValidatorSet


@dataclass(frozen=True)
class Agreed:
    """The next set that an operator agreed to, or why there is none: to everybody, and in detail for the operator."""

    validator_set: ValidatorSet | None
    public: str = ""
    detail: str = ""


NOTHING_AGREED = Agreed(None, "no next set is agreed here (--next-set)")


class NextSet:
    """The file in which an operator names the next set, see `parse_set`."""

    def __init__(self, path: Path, address_of: Callable[[str], str]) -> None:
        self.path = path
        self._address_of = address_of
        self._content = b""
        self._agreed: Agreed | None = None

    def read(self) -> Agreed:
        """What the file says now. It is parsed only if it changed."""
        try:
            content = self.path.read_bytes()
        except OSError as error:
            return Agreed(
                None, "the file of the next set cannot be read here", f"{self.path}: {error.strerror}"
            )
        if self._agreed is None or content != self._content:
            self._content, self._agreed = content, self._parse(content)
        return self._agreed

    def _parse(self, content: bytes) -> Agreed:
        try:
            return Agreed(parse_set(content, str(self.path), self._address_of))
        except MetalayerError as error:
            return Agreed(None, "the file of the next set is malformed here", str(error))
