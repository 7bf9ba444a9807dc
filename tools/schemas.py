"""JSON schemas of the YAML files that people write, for editors: from the models that read the files.

`python -m tools.schemas` writes docs/schemas/. A schema knows the shape, ranges and forms of a file; what depends on
other values, and the checksum of an address, only the reader knows.
"""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from metalayer.deploy.intent import Intent
from metalayer.governance import files
from metalayer.network.entries import NetworksFile, Preset
from metalayer.solver.policy import PolicyFile
from tools.repository import repo_root

FOLDER = Path("docs/schemas")
_DRAFT = "http://json-schema.org/draft-07/schema#"

_NAMES = {"type": "string", "minLength": 1}
_GROUP = {"type": "string", "pattern": r"^[a-z][a-z0-9_]*( *, *[a-z][a-z0-9_]*)*$"}
_CALL = r"^\w+\.\w+(\(.*\))?(\.\w+)*$"


class _Written(GenerateJsonSchema):
    """As people write it: what may be left out is left out, and never `null`."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> dict[str, Any]:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> dict[str, Any]:
        return self.generate_inner(schema["schema"])

    def dict_schema(self, schema: core_schema.DictSchema) -> dict[str, Any]:
        made = super().dict_schema(schema)
        if "patternProperties" in made:
            made["additionalProperties"] = False
        return made

    def model_schema(self, schema: core_schema.ModelSchema) -> dict[str, Any]:
        made = super().model_schema(schema)
        said = _said_below_fields(schema["cls"])
        for name, field in schema["cls"].model_fields.items():
            if name in said:
                part = made["properties"][field.alias or name]
                part["description"] = f"{said[name]} {part.get('description', '')}".strip()
        return made


def _said_below_fields(model: type) -> dict[str, str]:
    """Texts below the fields of a class, by field."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    assert isinstance(tree, ast.ClassDef)
    return {
        field.target.id: said.value.value
        for field, said in pairwise(tree.body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(said, ast.Expr)
        and isinstance(said.value, ast.Constant)
        and isinstance(said.value.value, str)
    }


def schemas() -> dict[str, str]:
    """File name to content."""
    made = {
        "networks": _of(NetworksFile, "networks.yaml: the chains, their presets, and where their nodes are"),
        "preset": _of(Preset, "A preset of your own, for `ape metalayer launch --preset FILE`"),
        "deploy": _of(Intent, "deploy.yaml: what is deployed, with which values"),
        "solver": _of(PolicyFile, "What a solver takes on: `ape metalayer solve --policy FILE`"),
        "proposal": {"$schema": _DRAFT, **_proposal()},
    }
    return {
        f"{name}.json": json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        for name, schema in made.items()
    }


def main() -> None:
    folder = repo_root() / FOLDER
    folder.mkdir(exist_ok=True)
    for name, content in schemas().items():
        (folder / name).write_text(content, encoding="utf-8")


def _of(model: type[BaseModel], title: str) -> dict[str, Any]:
    made = model.model_json_schema(schema_generator=_Written)
    return {"$schema": _DRAFT, **_plain(made), "title": title}


def _plain(schema: Any, *, is_names: bool = False) -> Any:
    """Without the titles that are made of names; what is said beside a reference is in a form that draft 7 reads."""
    if isinstance(schema, list):
        return [_plain(one) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    plain = {
        name: _plain(value, is_names=name in ("properties", "$defs") and not is_names)
        for name, value in schema.items()
        if is_names or name != "title"
    }
    if "description" in plain and isinstance(plain["description"], str) and not is_names:
        plain["description"] = " ".join(plain["description"].split())
    if "$ref" in plain and len(plain) > 1:
        return {"allOf": [{"$ref": plain.pop("$ref")}], **plain}
    return plain


def _proposal() -> dict[str, Any]:
    """Of a proposal.yml, which is read without a model, so that all of its faults are told at once."""
    action = {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 2,
        "propertyNames": {"pattern": r"^(value|pay|raw|\w+\.\w+(\(.*)?)$"},
        "properties": {
            "pay": _object({"to": {}, "value": {}}, "to", "value"),
            "raw": _object({"to": {}, "data": {}, "value": {}}, "to", "data"),
        },
    }
    asked = _object(
        {"on": _GROUP, "call": {"type": "string", "pattern": _CALL}, "code": _NAMES, "is": {}}, "is"
    )
    asked["oneOf"] = [{"required": ["call"]}, {"required": ["code"]}]
    tried = [_object({check: {}}, check) for check in files.CHECKS]
    decision = {
        "anyOf": [
            {"type": "string", "pattern": f"^(?:{files.REFERENCE.pattern})$"},
            _object({"on": _GROUP, "id": {"type": ["string", "integer"]}}, "on", "id"),
        ]
    }
    parts: dict[str, tuple[str, Any]] = {
        "title": ("The first line of README.md, without `# `.", _NAMES | {"maxLength": 200}),
        "proposer": ("Who proposes it: an account that has the votes.", {"type": ["string", "integer"]}),
        "chains": (
            "What is called, by chain: `hub`, `arcade, perps`, `spokes` (all but the hub) or `all`.",
            {
                "type": "object",
                "minProperties": 1,
                "propertyNames": _GROUP,
                "additionalProperties": {"type": "array", "items": action},
            },
        ),
        "expect": ("What has to hold when it is executed, or nothing of it is.", _list(asked)),
        "after": ("Decisions that must have been executed there before, such as 3/perps.", _list(decision)),
        "cancels": ("Decisions that end when this one arrives there.", _list(decision)),
        "then": (
            "What the simulation looks at, and tries, when all is executed.",
            _list({"anyOf": [asked, *tried]}),
        ),
        "writes": (
            "Storage that may change, by chain; anything else stops the simulation.",
            {
                "type": "object",
                "propertyNames": _GROUP,
                "additionalProperties": _list({"type": "string", "pattern": r"^\w+\.\w+$"}),
            },
        ),
    }
    assert tuple(parts) == files.FIELDS
    properties = {name: {"description": said, **schema} for name, (said, schema) in parts.items()}
    return {
        "title": "proposal.yml: what is called on which chain, and what it may change",
        **_object(properties, "title", "proposer", "chains"),
    }


def _object(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def _list(of: Any) -> dict[str, Any]:
    return {"type": "array", "items": of}


if __name__ == "__main__":
    main()
