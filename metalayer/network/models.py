"""What is read from files that people or other programs write: strict models, and their first fault in one line."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from metalayer.errors import MetalayerError


class Model(BaseModel):
    """Immutable; a name that it does not have is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


AnyModel = TypeVar("AnyModel", bound=BaseModel)


def read_yaml(path: Path, model: type[AnyModel]) -> AnyModel:
    """The model that a YAML file holds. MetalayerError, one line, if it is missing or holds anything else."""
    try:
        return model.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise MetalayerError(f"cannot read {path}: {error.strerror}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise MetalayerError(f"{path.name} is not valid YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        raise MetalayerError(f"{path.name}: {first_fault(error)}") from error
    except ValueError as error:
        raise MetalayerError(f"{path.name} is not a text file") from error


def first_fault(error: ValidationError) -> str:
    """The first thing that is wrong, with its place: `chains.hub.port: Input should be less than 65536`."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"]) or "the file"
    return f"{place}: {first['msg'].removeprefix('Value error, ')}"
