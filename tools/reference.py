"""The contracts' reference for `make docs`: pages of Markdown from the NatSpec in the compiler's syntax tree.

A script of our own: the one generator for it, solidity-docgen, is a plugin of Hardhat without a recent stable release.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ape_metalayer.compilation import run, solc_path
from metalayer.deploy.sources import Sources
from metalayer.errors import MetalayerError

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = {
    "interfaces": "Every function, event and error of the contracts. Start here.",
    "metalayer": "The gateway: messages between chains.",
    "metalayer/types": "Structs that the gateway's parts share.",
    "metalayer/libraries": "What the gateway is made of: each does one thing.",
    "client": "What a contract that sends and receives messages builds on.",
    "bridge": "Tokens across chains.",
    "token": "The token.",
    "staking": "What convicts a validator.",
    "deploy": "One address on every chain.",
    "examples": "How to build on the gateway.",
}
"""Pages, in their order: folders below contracts/. One that does not exist has no page."""

_TAG = re.compile(r"^[ \t]*@(\w+)[ \t]*", re.MULTILINE)
_PARTS = {
    "StructDefinition": "Structs",
    "EnumDefinition": "Enums",
    "UserDefinedValueTypeDefinition": "Types",
    "VariableDeclaration": "Constants and state",
    "FunctionDefinition": "Functions",
    "EventDefinition": "Events",
    "ErrorDefinition": "Errors",
}
_SEEN = {"public", "external"}


def main() -> None:
    """Writes the pages into the folder that the command line names."""
    target = Path(sys.argv[1])
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    trees = syntax_trees()
    written = []
    for folder, about in FOLDERS.items():
        mine = {path: tree for path, tree in trees.items() if path.parent == Path("contracts") / folder}
        if mine:
            name = folder.replace("/", "-")
            text = "\n".join(page(folder, about, mine)) + "\n"
            (target / f"{name}.md").write_text(text, encoding="utf-8")
            written.append(name)
    contents = ["# Contracts", "", "From the NatSpec of the sources.", "", "```{toctree}", ":maxdepth: 2", ""]
    (target / "index.md").write_text("\n".join([*contents, *written, "```", ""]), encoding="utf-8")


def syntax_trees() -> dict[Path, dict[str, Any]]:
    """The compiler's view of each source, by path. Only analysed: no code is generated."""
    sources = Sources(ROOT)
    paths = sorted(
        Path(file) for file in sources.files if str(Path(file).parent.relative_to("contracts")) in FOLDERS
    )
    request = sources.standard_input(*map(str, paths))
    request["settings"]["outputSelection"] = {"*": {"": ["ast"]}}
    try:
        (answer,) = run(solc_path(sources), [request])
    except MetalayerError as error:
        sys.exit(str(error))
    return {path: answer["sources"][str(path)]["ast"] for path in paths}


def page(folder: str, about: str, trees: dict[Path, dict[str, Any]]) -> Iterator[str]:
    """Lines of one folder's page."""
    yield from (f"# {folder}", "", about, "")
    for path, tree in trees.items():
        source = (ROOT / path).read_bytes()
        loose = [node for node in tree["nodes"] if node["nodeType"] in _PARTS]
        contracts = [node for node in tree["nodes"] if node["nodeType"] == "ContractDefinition"]
        if loose and not contracts:
            yield from (f"## {path.stem}", "")
        for contract in contracts:
            yield from (f"## {contract['name']}", "")
            yield from (f"{head_line(contract)} in [{path.name}](/{path}).", "")
            yield from description(documentation(contract))
        yield from parts(loose, source)
        for contract in contracts:
            yield from parts(contract["nodes"], source)


def head_line(contract: dict[str, Any]) -> str:
    """What kind of contract it is, and what it derives from."""
    kind = ("abstract " if contract["abstract"] else "") + contract["contractKind"]
    bases = ", ".join(f"`{base['baseName']['name']}`" for base in contract["baseContracts"])
    return f"{kind.capitalize()}{f' is {bases},' if bases else ''}"


def parts(nodes: Iterable[dict[str, Any]], source: bytes) -> Iterator[str]:
    """Everything that others may call, read or catch, sorted by what it is."""
    nodes = [node for node in nodes if is_public(node)]
    for kind, title in _PARTS.items():
        chosen = [node for node in nodes if node["nodeType"] == kind]
        if chosen:
            yield from (f"### {title}", "")
        for node in chosen:
            yield from entry(node, source)


def is_public(node: dict[str, Any]) -> bool:
    """False for what only the contract itself uses. A library's internal functions are what it is for."""
    if node.get("visibility") == "private":
        return False
    documented = node.get("documentation") is not None
    if node["nodeType"] == "FunctionDefinition":
        return node["visibility"] in _SEEN or (documented and "@dev" not in documentation(node)[:5])
    return documented or (node["nodeType"] == "VariableDeclaration" and node["visibility"] == "public")


def entry(node: dict[str, Any], source: bytes) -> Iterator[str]:
    """One declaration and what its comment says."""
    start, length, _ = (int(number) for number in node["src"].split(":"))
    text = source[start : start + length].decode()
    if node["nodeType"] == "FunctionDefinition":
        text = text.split("{")[0].rstrip().rstrip(";")
    yield from (f"#### {node['name'] or node['kind']}", "", "```solidity", dedent(text), "```", "")
    selector = node.get("functionSelector") or node.get("errorSelector")
    if selector:
        yield from (f"Selector `0x{selector}`.", "")
    yield from description(documentation(node))


def dedent(text: str) -> str:
    """A declaration whose later lines lose the indentation of its place."""
    first, *rest = text.split("\n")
    least = min((len(line) - len(line.lstrip()) for line in rest if line.strip()), default=0)
    if rest and rest[-1].strip() in ("}", ")"):
        least = len(rest[-1]) - len(rest[-1].lstrip())
    return "\n".join([first, *(line[min(least, len(line)) :] for line in rest)])


def documentation(node: dict[str, Any]) -> str:
    """The text of a node's comment, without its slashes."""
    found = node.get("documentation")
    return found["text"].strip() if found else ""


def description(text: str) -> Iterator[str]:
    """A comment in Markdown: notices as paragraphs, parameters and results as a list."""
    marks = list(_TAG.finditer(text))
    ends = [*(mark.start() for mark in marks[1:]), len(text)][: len(marks)]
    listed = False
    for mark, end in zip(marks, ends, strict=True):
        body, kind = text[mark.end() : end].strip(), mark[1]
        if kind in ("param", "return"):
            word, _, rest = body.partition(" ")
            yield f"- {'returns ' if kind == 'return' else ''}`{word}`: {flat(rest)}"
            listed = True
            continue
        if listed:
            yield ""
            listed = False
        if kind == "inheritdoc":
            yield from (f"As in `{body}`.", "")
        else:
            # A title repeats the name before it says what it is.
            said = body
            if kind == "title":
                said = body.partition(": ")[2]
                said = said and f"{said[0].upper()}{said[1:]}."
            if said:
                yield from (markdown(said), "")
    if listed:
        yield ""
    if text and not marks:
        yield from (markdown(text), "")


def flat(text: str) -> str:
    return " ".join(markdown(text).split())


def markdown(text: str) -> str:
    """NatSpec's own references, `{Name}`, as code; what Markdown would read otherwise, escaped."""
    text = re.sub(r"\{(\w+)\}", r"`\1`", "\n".join(line.strip() for line in text.splitlines()))
    return text.replace("<", "&lt;")


if __name__ == "__main__":
    main()
