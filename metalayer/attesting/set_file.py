"""The next validator set as its members agree on it: a YAML file."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from metalayer.errors import MetalayerError
from metalayer.network.inputs import Document, Entry, parse, read_file
from metalayer.network.values import Account, Moment, whole
from metalayer.protocol.attestation import ValidatorSet
from metalayer.protocol.dates import utc


class _SetFile(Entry):
    version: Annotated[int, whole(1, (1 << 64) - 1)]
    expires: Moment
    weights: dict[Account, Annotated[int, whole(1, (1 << 96) - 1)]]


def load_set(path: Path, address_of: Callable[[str], str]) -> ValidatorSet:
    """The set in a file that is about to be installed, see `parse_set`. MetalayerError, too, if it has expired."""
    document = read_file(path, str(path))
    found = _read(document, address_of)
    if found.expires <= time.time():
        raise document.fault(("expires",), f"expected a moment to come, found {utc(found.expires)}")
    return found


def parse_set(data: bytes, source: str, address_of: Callable[[str], str]) -> ValidatorSet:
    """A set from YAML: `version`, `expires` (Unix seconds or an ISO date, UTC if it names no zone), `weights` by
    account or address.

    MetalayerError, one line, if it is anything else, or a set that no chain would install at any time.
    """
    return _read(parse(data, source), address_of)


def _read(document: Document, address_of: Callable[[str], str]) -> ValidatorSet:
    file = document.read(_SetFile)
    weights: dict[str, int] = {}
    for name, weight in file.weights.items():
        place = ("weights", name)
        try:
            signer = address_of(name)
        except MetalayerError as error:
            raise document.fault(place, str(error)) from error
        if signer in weights:
            raise document.fault(place, f"{signer} is there twice")
        weights[signer] = weight
    found = ValidatorSet.of(file.version, file.expires, weights)
    try:
        found.validate(now=found.expires)
    except MetalayerError as error:
        raise document.fault(("weights",), str(error)) from error
    return found
