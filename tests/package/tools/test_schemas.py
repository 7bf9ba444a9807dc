"""The JSON schemas in docs/schemas: those of the models, and true of what is shipped and of what is wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastjsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from metalayer.deploy.intent import load_intent, resolve
from metalayer.errors import MetalayerError
from metalayer.governance import files
from metalayer.network.config import load_network
from metalayer.network.signers import address_of
from tests.kit import yaml12
from tools.repository import repo_root
from tools.schemas import FOLDER, schemas

ROOT = repo_root()
SHIPPED = {
    "networks.yaml": "networks",
    "deploy.yaml": "deploy",
    **{
        path.relative_to(ROOT).as_posix(): "proposal"
        for path in sorted(ROOT.glob("proposals/*/proposal.yml"))
    },
}


def refusal(schema: str, content: Any) -> str | None:
    """What a validator of draft 7 says."""
    try:
        fastjsonschema.compile(json.loads(schemas()[f"{schema}.json"]))(content)
    except fastjsonschema.JsonSchemaValueException as error:
        return str(error)
    return None


def test_they_are_those_of_the_models() -> None:
    """`python -m tools.schemas` after a change of a model."""
    folder = ROOT / FOLDER
    written = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}
    assert written == schemas()


@pytest.mark.parametrize("file", SHIPPED)
def test_what_is_shipped_is_valid_and_says_where_its_schema_is(file: str) -> None:
    path = ROOT / file
    text = path.read_text(encoding="utf-8")
    assert refusal(SHIPPED[file], yaml12.load(text)) is None
    named = re.match(r"# yaml-language-server: \$schema=(\S+)\n", text)
    assert named
    assert (path.parent / named[1]).resolve() == (ROOT / FOLDER / f"{SHIPPED[file]}.json").resolve()


def test_everything_has_a_description() -> None:
    """Each name of a file, by itself or by what stands there."""

    def bare(schema: Any, place: str, definitions: dict[str, Any]) -> list[str]:
        found = []
        for name, part in schema.get("properties", {}).items():
            target = part.get("$ref", part.get("allOf", [{}])[0].get("$ref", "")).removeprefix("#/$defs/")
            if "description" not in part and "description" not in definitions.get(target, {}):
                found.append(f"{place}.{name}")
        return found

    missing = []
    for name in ("networks", "deploy"):
        schema = json.loads(schemas()[f"{name}.json"])
        definitions = schema["$defs"]
        for part, content in [("", schema), *definitions.items()]:
            missing += bare(content, part, definitions)
    # Those that the text of their part explains.
    assert [
        name for name in missing if name.startswith(("ChainEntry", "Preset", "Fees", "Rules", "Intent", "."))
    ] == []


# A text of the file, what is written instead, and a word of what the reader says.
WRONG: dict[str, list[tuple[str, str, str | None]]] = {
    "networks.yaml": [
        ("chain_id: 902", "chain_id: abc", "whole number"),
        ("chain_id: 902", "chain_id: -1", "whole number"),
        ("chain_id: 902", "chain_id: 0.5", "whole number"),
        ("chain_id: 902", "chain_id: 1__0", "whole number"),
        ("chain_id: 902", "chain_id: 0", "from 1"),
        ("chain_id: 902", "chain_id: 18446744073709551616", "2^64-1"),
        ("chain_id: 902", "chain_id: yes", "whole number"),
        ("chain_id: 902", "chain_id: [902]", "a list"),
        ("chain_id: 902", "chain_id:", "nothing"),
        ("chain_id: 902", "chain_od: 902", "did you mean 'chain_id'"),
        ("chain_id: 902, ", "", "`chain_id` is missing"),
        ("port: 9702", "port: 99999", "65535"),
        ("port: 9702, ", "", "either a port"),
        ("port: 9702", "port: 9702, url: 'http://a'", "either a port"),
        ("port: 9702", "url: elsewhere", "the address of a node"),
        ("port: 9702", "url: 'ftp://elsewhere'", "the address of a node"),
        ("port: 9702", "url: []", "1 to 10 addresses"),
        ("port: 9702", "url: ['http://a', b]", "number 2: expected the address"),
        ("port: 9702", "port: 9702, confirmations: -1", "from 0 to 1000"),
        ("port: 9702", "port: 9702, nodes: []", "at least 1 entries"),
        ("port: 9702", "port: 9702, fork: {}", "`url` is missing"),
        ("port: 9702", "port: 9702, fork: http://a", "names with values"),
        ("port: 9702", "port: 9702, wrapped_ether: WETH9", "an address"),
        ("port: 9702", f"port: 9702, permit2: 0x{'00' * 20}", "the zero address"),
        ("arcade:", "Arcade:", "lower-case letters"),
        ("arcade:", "default:", "not `default`"),
        ("block_time: 0.5", "block_time: 0", "from 0.01"),
        ("block_time: 0.5", "block_time: .inf", "a number"),
        ("block_time: 0.5", "block_time: 1:30", "a number"),
        ("finality: 3", "finality: final", "`finalized`, `safe`"),
        ("finality: 3", "finality: -3", "`finalized`, `safe`"),
        ("protocol_share: 1_000 }", "protocol_share: 10001 }", "10000"),
        ("name: local", "name: ../local", "up to 64 letters"),
        ("presets:", "preset:", "did you mean 'presets'"),
    ],
    "deploy.yaml": [
        ("voting_delay: 2 days", "voting_delay: 2", "a duration"),
        ("voting_delay: 2 days", "voting_delay: 2days", "a duration"),
        ("voting_delay: 2 days", "voting_delay: two days", "a duration"),
        ("voting_delay: 2 days", "voting_delay: -2 days", "a duration"),
        ("quorum: 4", "quorum: 101", "from 1 to 100"),
        ("quorum: 4", "quorum: 4 %", "whole number"),
        ("seats: 16", "seats: 0x10", None),
        ("seats: 16", "seats: 3", "from 4"),
        ("commission: 5 }", "commission: 101 }", "from 0 to 100"),
        ("deployer: TEST::0", "deployer: '0x12'", "an address"),
        ("deployer: TEST::0", "deployer: []", "a name"),
        ("deployer: TEST::0", "deployer: ''", "a name"),
        ("\nroutes: full mesh", "\nrutes: full mesh", "did you mean 'routes'"),
        ("\nroutes: full mesh", "\nroutes: a star", "'full mesh' or 'through the hub'"),
        ("councils:\n  default: TEST::4", "councils: TEST::4", "names with values"),
        ("watchers:\n  default: [TEST::4]", "watchers:\n  default: TEST::4", "a list"),
        ("start: 2026-12-01", "start: 1 December", "a date"),
        ("start: 2026-12-01", "start: 1796083200", "a date"),
    ],
    "proposals/005-join-chess/proposal.yml": [
        ("title: Open", "titel: Open", "unknown name"),
        ("proposer: TEST::3", "", "`proposer` is missing"),
        ("- Metalayer.setOpen", "- setOpen", "a call such as"),
        ("call: Metalayer.route(chess).outbound", "call: outbound", "a call such as"),
        (", is: false }", " }", "and `is`"),
        ("- check:", "- chek:", "no such check"),
        ("all: [Metalayer._routes, ", "all: [routes, ", "a variable such as"),
        ("all: [Metalayer._routes, Metalayer._inboxLanes]", "all: Metalayer._routes", "a list"),
        ("expect:", "expects:", "unknown name"),
    ],
}


def reader(file: str) -> Callable[[Path], object]:
    if file == "networks.yaml":
        return load_network
    if file == "deploy.yaml":
        return lambda path: resolve(load_intent(path), load_network(ROOT / "networks.yaml"), address_of, b"")
    return lambda path: files.read(path.parent, load_network(ROOT / "networks.yaml"))


def placed(file: str, folder: Path, text: str) -> Path:
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    if file.startswith("proposals"):
        (path.parent / "README.md").write_text((ROOT / file).with_name("README.md").read_text())
    return path


@pytest.mark.parametrize(
    ("file", "old", "new", "said"), [(file, *wrong) for file, several in WRONG.items() for wrong in several]
)
def test_what_is_wrong_is_refused_by_both(
    file: str, old: str, new: str, said: str | None, tmp_path: Path
) -> None:
    """By the reader in one line with the place, unless an editor cannot know: 0x10 is a number to it."""
    text = (ROOT / file).read_text(encoding="utf-8")
    assert old in text
    text = text.replace(old, new, 1)
    with pytest.raises(MetalayerError) as caught:
        reader(file)(placed(file, tmp_path, text))
    for line in str(caught.value).splitlines():
        assert re.match(r"(networks|deploy|005-join-chess/proposal)\.ya?ml:\d+: \S", line), line
    if said is None:
        assert refusal(SHIPPED[file], yaml12.load(text)) is None
    else:
        assert said in str(caught.value).splitlines()[0]
        assert refusal(SHIPPED[file], yaml12.load(text))


def scalars(text: str) -> list[tuple[int, int]]:
    """Where each name and each value begins and ends."""

    def below(node: yaml.Node) -> list[tuple[int, int]]:
        if isinstance(node, yaml.ScalarNode):
            return [(node.start_mark.index, node.end_mark.index)]
        inner = (
            node.value
            if isinstance(node, yaml.SequenceNode)
            else [one for pair in node.value for one in pair]
        )
        return [found for one in inner for found in below(one)]

    root = yaml.compose(text, Loader=yaml.BaseLoader)
    assert root
    return below(root)


# fmt: off
SNIPPETS = [
    "~", "null", "yes", "true", "[]", "{}", "[a, b]", "{a: b}", "''", "'1'", "0", "1", "-1", "0.5", "1e9",
    "0100", "0x10", "1:30", ".inf", ".nan", "1_000", "1__0", "2026-12-01", "2 days", "0 days",
    "999999999999 days", "2 months", "TEST::0", "TEST::99", "default", "hub", "arcade", "finalized",
    "full mesh", "http://a", "http://[", "${A}", "http://${A", "0x", "../..", "a b", "é", "*a", "&a b",
    "!!int 1", "a: b", "- a", "#", "@",
]
# fmt: on
VALUES = st.one_of(
    st.sampled_from(SNIPPETS),
    st.sampled_from(["", "|\n  x", "'\u2028'", '"a\\nb"', "x" * 300, "9" * 30, "9" * 5_000]),
    st.sampled_from(["0x" + "ab" * 20, "0x" + "aB" * 20, "0x" + "00" * 20]),
    st.integers(-(1 << 70), 1 << 70).map(str),
    st.text(max_size=12),
)


@pytest.mark.parametrize("file", [*SHIPPED][:3])
@given(data=st.data())
def test_a_file_with_one_other_value_is_read_or_is_one_line_with_its_place(
    file: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    start, end = data.draw(st.sampled_from(scalars(text)))
    text = text[:start] + data.draw(VALUES) + text[end:]
    name = Path(file).name if not file.startswith("proposals") else "001-fees/proposal.yml"
    try:
        path = placed(file, tmp_path_factory.mktemp("mutated"), text)
    except UnicodeEncodeError:
        return
    try:
        reader(file)(path)
    except MetalayerError as error:
        lines = str(error).splitlines()
        assert len(lines) == 1 or file.startswith("proposals")
        for line in lines:
            assert re.match(rf"{re.escape(name)}(:[1-9]\d*)?: \S", line), line
            assert line.isprintable()
