"""Everything that is wrong with a proposal's file, at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from metalayer.errors import MetalayerError
from metalayer.network.inputs import Document


class Faults(MetalayerError):
    """One line for each fault, in the order of the file: `001-fees/proposal.yml:7: chains.hub.0: said`."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = tuple(lines)
        more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
        super().__init__(f"{lines[0]}{more}")


class Findings:
    """What was found in a file so far."""

    def __init__(self, document: Document, found: Iterable[tuple[int, str]] = ()) -> None:
        self.document = document
        self._found = list(found)

    @property
    def found(self) -> tuple[tuple[int, str], ...]:
        """Each with its line."""
        return tuple(self._found)

    def add(self, place: Iterable[str], said: str) -> None:
        """One more fault at a place of the file."""
        names = tuple(place)
        self._found.append((self.line(names), str(self.document.fault(names, said))))

    def add_line(self, line: int, said: str) -> None:
        """One more fault of which only the line is known; `said` names file and line."""
        self._found.append((line, said))

    def line(self, place: Iterable[str]) -> int:
        """Of a place, or of the nearest above."""
        names = tuple(place)
        lines = self.document.lines
        return next((lines[names[:end]] for end in range(len(names), -1, -1) if names[:end] in lines), 1)

    def refuse_any(self) -> None:
        """Faults if there are any."""
        if self._found:
            # Sorting keeps the order of those in one line; one that is there for several chains is said once.
            raise Faults(list(dict.fromkeys(text for _, text in sorted(self._found, key=lambda one: one[0]))))
