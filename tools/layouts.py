"""Where the contracts keep what: solc's storage layouts, as they ship in metalayer/artifacts/storage."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ape_metalayer.compilation import run, solc_path
from metalayer.deploy.sources import Sources
from metalayer.protocol.layouts import namespace

_NAMESPACED = re.compile(
    r"@custom:storage-location erc7201:(?P<id>[\w.]+)(?:(?!struct).)*?\nstruct (?P<struct>\w+)", re.DOTALL
)
# A number of the compiler's, which is another one with every source more.
_NUMBER = re.compile(r"\)\d+")
_PROBE = "Layouts.sol"


def layouts(sources: Sources, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """`storage` and `types` of each contract. Members of structs at a fixed place (ERC-7201) are variables like others.
    Layouts depend on no other source: one run of the compiler is enough.
    """
    files = {name: sources.deployable[name] for name in names}
    asked = sources.standard_input(*files.values())
    places = {
        file: list(_NAMESPACED.finditer(source["content"])) for file, source in asked["sources"].items()
    }
    structs = [(file, match["id"], match["struct"]) for file, found in places.items() for match in found]
    lines = ["pragma solidity *;"]
    lines += [f'import {{{struct}}} from "./{file}";' for file, _, struct in structs]
    members = [f"{struct} {id_.replace('.', '_')};" for _, id_, struct in structs]
    lines += ["contract Layouts {", *members, "}"]
    asked["sources"][_PROBE] = {"content": "\n".join(lines)}
    selected = {file: {name: ["storageLayout"]} for name, file in files.items()}
    asked["settings"]["outputSelection"] = {**selected, _PROBE: {"Layouts": ["storageLayout"]}}
    (answer,) = run(solc_path(sources), [asked])
    compiled = answer["contracts"]
    probe = compiled[_PROBE]["Layouts"]["storageLayout"]
    slots = {id_.replace(".", "_"): id_ for _, id_, _ in structs}
    found = {}
    for name, file in files.items():
        layout = compiled[file][name]["storageLayout"]
        closure = sources.closure([file])
        own = {id_.replace(".", "_") for where, id_, _ in structs if where in closure}
        added = [
            {**member, "slot": str(namespace(slots[one["label"]]) + int(member["slot"]))}
            for one in probe["storage"]
            if one["label"] in own
            for member in probe["types"][one["type"]]["members"]
        ]
        found[name] = _normal([*layout["storage"], *added], {**(layout["types"] or {}), **probe["types"]})
    return found


def _normal(storage: list[dict[str, Any]], types: dict[str, Any]) -> dict[str, Any]:
    """The same without what changes when other sources do, and only the types that are used."""
    used: dict[str, Any] = {}

    def take(id_: str) -> str:
        plain = _NUMBER.sub(")", id_)
        if plain not in used:
            type_ = types[id_]
            used[plain] = {
                "encoding": type_["encoding"],
                "label": type_["label"],
                "size": int(type_["numberOfBytes"]),
            }
            if "key" in type_:
                used[plain]["key"] = take(type_["key"])
            if value := type_.get("value") or type_.get("base"):
                used[plain]["value"] = take(value)
            if "members" in type_:
                used[plain]["members"] = [variable(one) for one in type_["members"]]
        return plain

    def variable(one: dict[str, Any]) -> dict[str, Any]:
        return {
            "label": one["label"],
            "offset": one["offset"],
            "slot": one["slot"],
            "type": take(one["type"]),
        }

    return {"storage": [variable(one) for one in storage], "types": used}
