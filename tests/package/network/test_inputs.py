"""Whatever stands in a file or an option: a valid value or one clear line, soon, and never a traceback."""

from __future__ import annotations

import importlib
import re
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from eth_utils.address import to_checksum_address
from hypothesis import example, given
from hypothesis import strategies as st

from metalayer.cli.command import DefaultGroup
from metalayer.cli.main import COMMANDS, cli
from metalayer.deploy.intent import load_intent, resolve
from metalayer.errors import MetalayerError
from metalayer.network import values
from metalayer.network.config import load_network
from metalayer.network.inputs import MAX_BYTES, MAX_DEPTH, parse
from metalayer.network.signers import address_of
from tools.repository import repo_root

PATIENCE = 20.0
"""Seconds. The slowest file of the largest size took two."""

NETWORKS, DEPLOY = ((repo_root() / name).read_bytes() for name in ("networks.yaml", "deploy.yaml"))
TREASURY = "0xa0Ee7A142d267C1f36714E4a8F75612F20a79720"

# What YAML, Python or Ethereum treat in ways of their own.
SNIPPETS = st.sampled_from(
    [
        *(
            b"*a",
            b"&a ",
            b"!!int ",
            b"<<: ",
            b"? ",
            b"- ",
            b"{",
            b"}",
            b"[",
            b"]",
            b": ",
            b"\n",
            b"\n  ",
            b"\t",
            b"|\n",
            b">\n",
        ),
        *(
            b"---\n",
            b"...\n",
            b"%YAML 1.2\n",
            b"%YAML " + b"9" * 5_000 + b".1\n",
            b"%TAG ! !\n",
            b"# ",
            b"'",
            b'"',
            b"\\",
        ),
        *(
            b'"\\UFFFFFFFF"',
            b'"\\uD800"',
            b"\xff",
            b"\xef\xbb\xbf",
            b"\0",
            b"\x85",
            "\u2028٣é".encode(),
            b"~",
            b"null",
            b"yes",
        ),
        *(
            b"0x10",
            b"0100",
            b"1:30",
            b".inf",
            b".nan",
            b"-1",
            b"1e9",
            b"9" * 5_000,
            b"2099-01-01",
            b"10000-01-01",
            b"0.5",
        ),
        *(
            TREASURY.encode(),
            TREASURY.swapcase().encode(),
            TREASURY.lower().encode(),
            b"TEST::99",
            b"TEST::" + b"9" * 5_000,
        ),
        *(
            b"default",
            b"hub",
            b"arcade",
            b"http://a:99999",
            b"http://[",
            b"full mesh",
            b"version",
            b"weights",
        ),
    ]
)


def broken(whole: bytes) -> st.SearchStrategy[bytes]:
    """The bytes with a few pieces put in, cut out or repeated; or any bytes at all."""

    def change(whole: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
        for start, length, new in changes:
            whole = whole[:start] + new + whole[start + length :]
        return whole

    places = st.tuples(
        st.integers(0, len(whole)),
        st.integers(0, 40),
        st.one_of(SNIPPETS, st.binary(max_size=8), st.just(b"")),
    )
    return st.one_of(
        st.lists(places, min_size=1, max_size=4).map(lambda changes: change(whole, changes)),
        st.lists(SNIPPETS, max_size=30).map(b"".join),
        st.binary(max_size=200),
    )


def one_line(read: Callable[[], object]) -> None:
    """Runs it: anything but a value or a MetalayerError of one line that can be printed is a failure."""
    before = time.monotonic()
    try:
        read()
    except MetalayerError as error:
        said = str(error)
        assert said
        assert said.isprintable(), ascii(said)
        assert len(said) < 1_500
    assert time.monotonic() - before < PATIENCE


@given(content=broken(NETWORKS))
def test_any_networks_yaml(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "networks.yaml"
    path.write_bytes(content)
    one_line(lambda: load_network(path))


@given(content=broken(DEPLOY))
def test_any_deploy_yaml(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "deploy.yaml"
    path.write_bytes(content)
    network = load_network()

    one_line(lambda: resolve(load_intent(path), network, address_of, b""))


@pytest.mark.parametrize(
    "content",
    [
        b"[" * MAX_BYTES,
        b"{" * MAX_BYTES,
        b"- " * (MAX_BYTES // 2),
        b"? " * (MAX_BYTES // 2),
        b"a: [" * (MAX_BYTES // 4),
        b"a: &a [x]\nb: &b [" + b"*a," * 40_000 + b"]",
        b"".join(b"a%d: 1\n" % n for n in range(MAX_BYTES // 12)),
        b"\n".join(b" " * n + b"a:" for n in range(500)),
        b"[" + b"a," * (MAX_BYTES // 2 - 1) + b"]",
        b"[" + b"a: b," * (MAX_BYTES // 5 - 1) + b"]",
        b"a: " + b"x" * (MAX_BYTES - 3),
        b'a: "' + b"\\x41" * (MAX_BYTES // 4 - 2) + b'"',
        b"a: |\n" + b" x\n" * (MAX_BYTES // 3 - 2),
        b"#" * MAX_BYTES,
        b"\n" * MAX_BYTES,
        b"x" * (MAX_BYTES + 1),
    ],
    ids=lambda content: content[:12].decode(),
)
def test_the_largest_and_deepest_files_end_soon(content: bytes) -> None:
    one_line(lambda: parse(content, "large.yaml"))


@given(depth=st.integers(1, 40))
def test_depth_has_a_bound(depth: int) -> None:
    content = b"[" * depth + b"]" * depth
    if depth <= MAX_DEPTH:
        assert parse(content, "deep.yaml")
    else:
        with pytest.raises(MetalayerError, match=f"expected at most {MAX_DEPTH} levels"):
            parse(content, "deep.yaml")


@given(account=st.binary(min_size=20, max_size=20))
def test_every_checksum_is_checked(account: bytes) -> None:
    """EIP-55: the right capitals and lower case are read, and no other capitals of the same digits."""
    right = to_checksum_address(account)
    assert values.read_address(right) == values.read_address(right.lower()) == right
    for place, letter in enumerate(right[2:], 2):
        other = right[:place] + letter.swapcase() + right[place + 1 :]
        if other not in (right, right.lower()):
            with pytest.raises(ValueError, match=f"expected {right}, if no digit was mistyped"):
                values.read_address(other)


@given(number=st.integers(-(1 << 70), 1 << 70))
@example(number=0)
def test_whole_numbers_are_read_as_written(number: int) -> None:
    assert values.read_whole(values.Plain(number), -(1 << 70), 1 << 70) == number
    assert values.read_whole(values.Plain(f"{number:_}"), -(1 << 70), 1 << 70) == number


@given(number=st.integers(-(1 << 70), 1 << 70).filter(lambda number: not 5 <= number < 1 << 64))
@example(number=4)
@example(number=1 << 64)
def test_ranges_include_their_ends_and_nothing_else(number: int) -> None:
    for end in (5, (1 << 64) - 1):
        assert values.read_whole(values.Plain(end), 5, (1 << 64) - 1) == end
    with pytest.raises(ValueError, match=rf"expected a whole number from 5 to 2\^64-1, found '{number}'"):
        values.read_whole(values.Plain(number), 5, (1 << 64) - 1)


def commands() -> list[tuple[list[str], click.Command]]:
    """Every command with its words."""

    def below(words: list[str], command: click.Command) -> list[tuple[list[str], click.Command]]:
        if isinstance(command, click.Group):
            context = click.Context(command)
            names = command.list_commands(context)
            children = [(name, command.get_command(context, name)) for name in names]
            return [found for name, child in children if child for found in below([*words, name], child)]
        return [(words, command)]

    return below([], cli)


TYPED = [
    (words, command, parameter)
    for words, command in commands()
    for parameter in command.params
    if not (isinstance(parameter, click.Option) and parameter.is_flag) and parameter.name != "help"
]


def test_every_command_is_there() -> None:
    assert {words[0] for words, _ in commands()} == set(COMMANDS)


@pytest.mark.parametrize(
    ("words", "command", "parameter"), TYPED, ids=[f"{'-'.join(words)}-{p.name}" for words, _, p in TYPED]
)
def test_every_value_that_is_typed_has_a_type(
    words: list[str], command: click.Command, parameter: click.Parameter
) -> None:
    """With a range, a checksum or a form: plain text and the numbers of click know none."""
    assert type(parameter.type) not in (
        type(click.STRING),
        type(click.INT),
        type(click.FLOAT),
        click.IntRange,
        click.FloatRange,
    )


TEXTS = st.one_of(
    st.text(max_size=30),
    SNIPPETS.map(lambda snippet: snippet.decode(errors="surrogateescape")),
    st.integers().map(str),
    st.floats().map(str),
    st.sampled_from(
        ["1.5", "hub", "0x", "0x12", "nan", "-0", "1_000", "\udcff", "9" * 5_000, "." * 100, "٣"]
    ),
)


@given(text=TEXTS)
def test_any_value_of_an_option(text: str) -> None:
    """Read as it would be typed: a value, or a usage error of one line."""
    for _, command, parameter in TYPED:
        if isinstance(parameter.type, click.Path):
            continue
        with suppress(click.UsageError):
            parameter.type_cast_value(click.Context(command), text)


@given(
    arguments=st.lists(
        st.one_of(TEXTS, st.sampled_from(["--from", "--to", "--json", "--help", "--gas-limit"])), max_size=6
    )
)
def test_any_words_after_a_command(arguments: list[str]) -> None:
    """As far as commands go without a chain: they are parsed, and that alone may refuse them."""
    send = importlib.import_module("metalayer.cli.transfer").send
    wrapped = DefaultGroup("transfer", default="send")
    wrapped.add_command(type(send)("send", params=send.params, callback=lambda **_: None))
    result = CliRunner().invoke(wrapped, arguments)
    assert result.exit_code in (0, 2), result.output
    if result.exit_code == 2:
        assert re.fullmatch(r"Error: .*\n", result.output), result.output
