"""The next validator set as its members agree on it: a YAML file."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BeforeValidator, Field, ValidationError

from metalayer.errors import MetalayerError
from metalayer.network.models import Model, first_fault
from metalayer.protocol.attestation import ValidatorSet


def _unix_time(value: Any) -> Any:
    if not isinstance(value, str) or value.isdecimal():
        return value
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise ValueError("expected Unix seconds or an ISO date") from error
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


class _SetFile(Model):
    version: Annotated[int, Field(ge=1, lt=1 << 64)]
    expires: Annotated[int, BeforeValidator(_unix_time), Field(ge=1, lt=1 << 64)]
    weights: dict[Annotated[str, Field(min_length=1)], Annotated[int, Field(gt=0, lt=1 << 96)]]


def load_set(path: Path, address_of: Callable[[str], str]) -> ValidatorSet:
    """The set in a file, see `parse_set`. MetalayerError, one line, if there is none."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise MetalayerError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise MetalayerError(f"{path} is not a text file") from error
    return parse_set(text, str(path), address_of)


def parse_set(text: str, source: str, address_of: Callable[[str], str]) -> ValidatorSet:
    """A set from YAML: `version`, `expires` (Unix seconds or an ISO date, UTC if it names no zone), `weights` by
    account or address.

    MetalayerError, one line, if it is anything else, or a set that no chain would install at any time.
    """
    try:
        # Every scalar stays text: an address without quotes would be a number, a date of any zone a local one.
        content = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506
        file = _SetFile.model_validate(content)
    except (yaml.YAMLError, RecursionError) as error:
        raise MetalayerError(f"{source} is not valid YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        raise MetalayerError(f"{source}: {first_fault(error)}") from error
    weights: dict[str, int] = {}
    try:
        for name, weight in file.weights.items():
            signer = address_of(name)
            if signer in weights:
                raise MetalayerError(f"weights.{name}: {signer} is there twice")
            weights[signer] = weight
        found = ValidatorSet.of(file.version, file.expires, weights)
        found.validate(now=found.expires)
    except MetalayerError as error:
        raise MetalayerError(f"{source}: {error}") from error
    return found
