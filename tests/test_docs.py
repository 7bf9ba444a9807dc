"""What the documents count is what is there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from metalayer.protocol.attestation import Domain, ValidatorSet
from metalayer.protocol.facts import LaneFact, RestartFact, SetFact, Tree
from metalayer.protocol.message import Fee, Message, extend, genesis_head, interoperable

ROOT = Path(__file__).resolve().parents[1]
_ROW = re.compile(r"^\| `(contracts/[^`]+)` \| (\d+) \| (\d+) \|", re.MULTILINE)
_IN_SCOPE = ("metalayer", "client", "token", "bridge", "staking", "governance", "deploy", "interfaces")
_PROTOCOL = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
_CONTRACT = re.compile(r"^(?:abstract contract|contract|library|interface) (\w+)", re.MULTILINE)
_CONSTANT = re.compile(r"\bu?int\d*\s+(?:public|internal|private)\s+constant\s+(\w+)\s*=\s*([^;]+);")
_UNITS = {"gwei": 10**9, "ether": 10**18, "hours": 3_600, "days": 86_400}
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_LINK = re.compile(r"(?<!\\)\[[^\[\]]*\]\(([^()\s]+)\)")
_CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def code_lines(source: str) -> int:
    """Lines that are neither blank nor only a comment. The contracts use `//` comments only."""
    return sum(1 for line in source.splitlines() if line.split("//")[0].strip())


def test_audit_scope_is_complete_and_its_line_counts_are_true() -> None:
    audit = (ROOT / "AUDIT.md").read_text(encoding="utf-8")
    rows = _ROW.findall(audit)
    listed = {path: (int(lines), int(code)) for path, lines, code in rows}
    found = {}
    for folder in _IN_SCOPE:
        for path in (ROOT / "contracts" / folder).rglob("*.sol"):
            source = path.read_text(encoding="utf-8")
            found[str(path.relative_to(ROOT))] = (len(source.splitlines()), code_lines(source))
    assert listed == found
    assert len(rows) == len(listed)


def test_every_property_that_is_held_is_quoted_by_a_test_and_the_other_way_round() -> None:
    listed = set()
    for number, row in re.findall(
        r"^\| \*\*([PM]\d+[a-f]?)\*\* (\|.*)$",
        (ROOT / "tests" / "PROPERTIES.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    ):
        if "not built yet" not in row:
            listed.add(number)
    quoted = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        quoted |= set(re.findall(r"\b[PM]\d{1,2}[a-f]?\b", path.read_text(encoding="utf-8")))
    assert quoted == listed


def test_the_tests_that_are_said_to_hold_a_property_are_there() -> None:
    text = (ROOT / "tests" / "PROPERTIES.md").read_text(encoding="utf-8")
    named = re.findall(r"`(?:tests/)?(\w+/[\w/]+\.py|test_\w+\.py)`", text)
    assert named
    assert [name for name in named if not (ROOT / "tests" / name).is_file()] == []


def sources() -> Iterator[tuple[str, str]]:
    """Name and source of each contract and library that may be deployed, as far as the next one in its file."""
    for path in sorted((ROOT / "contracts").rglob("*.sol")):
        if path.relative_to(ROOT / "contracts").parts[0] not in ("test", "examples"):
            parts = _CONTRACT.split(path.read_text(encoding="utf-8"))
            yield from zip(parts[1::2], parts[2::2], strict=True)


def solidity_number(expression: str) -> int:
    """Value of a literal, as `3 days`, `1 << 32`, `1_000e18`, `0xff`."""
    number, *unit = expression.replace("_", "").split(" ", 1)
    if unit and unit[0] in _UNITS:
        return int(number) * _UNITS[unit[0]]
    if unit:
        base, shift = expression.replace("_", "").split(" << ")
        return int(base) << int(shift)
    mantissa, _, exponent = number.partition("e") if "x" not in number else (number, "", "")
    return int(mantissa, 0) * int("1" + "0" * int(exponent or 0))


def rows(heading: str, columns: int) -> list[list[str]]:
    """Cells of all table rows in one section of the protocol, without code marks; its heads and rulers left out."""
    section = _PROTOCOL.split(f"## {heading}\n")[1].split("\n## ")[0]
    cells = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip().strip("`") for cell in row] for row in cells if len(row) == columns]


def test_the_protocol_names_every_type_hash_of_the_contracts() -> None:
    written = rows("Type hashes", 2)
    assert [text for _, text in written] == ["0x" + keccak(text=kind).hex() for kind, _ in written]
    found = set()
    for _, source in sources():
        # A type that is written once and used twice has a name of its own.
        for strings in re.findall(r"_TYPEHASH\s*=\s*keccak256\(([^;]+)\);|_TYPE\s*=\s*(\"[^;]+\");", source):
            found.add("".join(re.findall(r'"([^"]*)"', "".join(strings))))
    assert {kind for kind, _ in written if not kind.startswith("EIP712Domain(")} == found - {""}


def test_the_protocol_lists_every_number_of_the_contracts() -> None:
    found = {}
    for name, source in sources():
        for constant, expression in _CONSTANT.findall(source):
            # Not masks of bits, and not the curve's own number.
            if re.fullmatch(r"[\w ]+(<< \d+)?", expression) and constant != "HALF_ORDER":
                found[f"{name}.{constant}"] = solidity_number(expression)
    written = {
        name: solidity_number(value.replace(",", ""))
        for name, value, *_ in rows("Parameters", 4)
        if name[0].isupper()
    }
    assert written == found


def test_the_protocol_lists_the_packages_limits_as_they_are() -> None:
    found = {}
    for path in (ROOT / "metalayer").rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                found.update(
                    {
                        f"{path.stem}.{target.id}": node.value.value
                        for target in node.targets
                        if isinstance(target, ast.Name)
                    }
                )
    written = {
        name: int(value.replace(",", "")) for name, value, *_ in rows("Parameters", 4) if name[0].islower()
    }
    assert written
    assert written == {name: found.get(name) for name in written}


def test_the_protocols_worked_example_is_what_the_code_computes() -> None:
    gateway, sender, recipient = (to_checksum_address("0x" + digits * 20) for digits in ("11", "22", "33"))
    fee = Fee(1_000_000, 3_000_000, 2_000_000, 1_500_000, 100_000).packed
    message = Message(901, 901, 902, 1, sender, recipient, 200_000, 1_893_456_000, fee, b"hello")
    genesis = genesis_head(901, 901, 902)
    head = extend(genesis, message.id)
    lane, restart = LaneFact(901, 902, 1, head), RestartFact(902, 901, 1_280)
    root = Tree([lane, restart]).root
    weights = {"0x" + digits * 20: 100 for digits in ("a1", "a2", "a3", "a4", "a5")}
    validators = ValidatorSet.of(1, 1_893_456_000, weights)
    expected = [
        fee.to_bytes(32, "big"),
        message.id,
        genesis,
        head,
        lane.leaf,
        restart.leaf,
        root,
        Domain(901, gateway).digest(root),
        validators.hash,
        SetFact(1, validators.hash).leaf,
        interoperable(901, gateway),
    ]
    section = _PROTOCOL.split("## Worked example\n")[1]
    assert re.findall(r"\| `(0x[0-9a-f]+)` \|$", section, re.MULTILINE) == [
        "0x" + value.hex() for value in expected
    ]


def test_the_protocol_says_where_each_property_belongs() -> None:
    properties = set(
        re.findall(r"^\| \*\*(P\d+[a-f]?)\*\*", (ROOT / "tests" / "PROPERTIES.md").read_text(), re.MULTILINE)
    )
    body = _PROTOCOL.split("## Network, chains, gateway\n")[1]
    assert set(re.findall(r"\bP\d+[a-f]?\b", body)) == properties


def test_the_functions_at_which_auditors_should_look_hardest_are_there() -> None:
    code = dict(sources())
    audit = (ROOT / "AUDIT.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([A-Z]\w*)\.(?!md\b)(\w+)`", audit))
    assert named
    assert [f"{c}.{name}" for c, name in sorted(named) if f"function {name}(" not in code.get(c, "")] == []


def anchor(heading: str) -> str:
    """The fragment that GitHub gives a heading."""
    text = re.sub(r"[`*]|\[([^]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def test_every_link_between_the_documents_leads_somewhere() -> None:
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "tests").glob("*.md")]
    documents += [*(ROOT / "benchmarks").glob("*.md"), *(ROOT / "docs" / "examples").glob("*.md")]
    texts = {path: path.read_text(encoding="utf-8") for path in documents}
    anchors = {
        path: {
            anchor(heading)
            for heading in _HEADING.findall(re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S))
        }
        for path, text in texts.items()
    }
    broken = []
    for path, text in texts.items():
        for target in _LINK.findall(_CODE.sub("`x`", text)):
            if target.startswith(("https://", "http://")):
                continue
            file, _, fragment = target.partition("#")
            found = (path.parent / file).resolve() if file else path
            if not found.exists() or (fragment and fragment not in anchors.get(found, ())):
                broken.append(f"{path.relative_to(ROOT)}: {target}")
    assert broken == []


@pytest.mark.parametrize(
    "file", ["halmos.toml", ".pre-commit-config.yaml", "Makefile", ".ci/run", ".ci/night"]
)
def test_the_modules_that_configuration_names_exist(file: str) -> None:
    """By path or as `python -m`; what only an optional tool reads would be missed for long."""
    text = (ROOT / file).read_text(encoding="utf-8")
    named = re.findall(r"(?<![\w./])(?:tools|metalayer|benchmarks|demo)/[\w/]+\.(?:py|js)\b(?!on)", text)
    named += [
        name.replace(".", "/") + ".py" for name in re.findall(r"python -m ((?:tools|metalayer)[\w.]+)", text)
    ]
    assert [name for name in named if not (ROOT / name).is_file()] == []
