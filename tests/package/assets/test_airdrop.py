"""Lists for the airdrop: what is wrong is one line with file and line; and what a large one costs."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from metalayer.assets.airdrop import load_tree, read_list, refuse_other_sum, save_proofs, save_tree
from metalayer.errors import MetalayerError
from metalayer.protocol.amounts import HUB_SUPPLY, shown
from metalayer.protocol.merkle import Tree
from tests.kit.strategies import addresses, up_to

ONE = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
TWO = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
HEADER = "account,amount\n"


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "list.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("end", ["", "\n"])
@pytest.mark.parametrize("line", ["\n", "\r\n"])
def test_a_list_is_read_exactly(tmp_path: Path, line: str, end: str) -> None:
    text = f"account,amount\n{ONE},0.000000000000000001\n{TWO.lower()},1234.5{end}".replace("\n", line)
    assert read_list(written(tmp_path, text)) == [(ONE, 1), (TWO, 12345 * 10**17)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"list\.csv:1: expected the header account,amount, found ''"),
        (f"{ONE},1\n", r"list\.csv:1: expected the header account,amount, found '0x70997970"),
        ("account;amount\n", r"list\.csv:1: expected the header account,amount"),
        (HEADER, r"list\.csv:2: expected an account and an amount, found the end"),
        (b"\xef\xbb\xbf" + HEADER.encode(), r"list\.csv:1: expected no byte order mark"),
        (HEADER.encode() + b"\xff,1\n", r"list\.csv:2: expected UTF-8, found the byte 0xff"),
        (HEADER.encode("utf-16"), r"list\.csv:1: expected UTF-8, found the byte 0xff"),
        (HEADER + f"{ONE},1\n\n{TWO},1\n", r"list\.csv:3: expected an account and an amount, found an empty"),
        (HEADER + f"{ONE},1\n\n", r"list\.csv:3: expected an account and an amount, found an empty line"),
        (HEADER + f"{ONE},1\n  \n", r"list\.csv:3: .* found an empty line"),
        (HEADER + f"{ONE},1\n{TWO},2\n{ONE},3\n", rf"list\.csv:4: {ONE} is in line 2, too"),
        (HEADER + f"{ONE},1\n{ONE.lower()},3\n", rf"list\.csv:3: {ONE} is in line 2, too"),
        (
            HEADER + ONE.replace("C51812dc", "c51812dc") + ",1\n",
            rf"list\.csv:2: the checksum of \w+ is wrong: expected {ONE}",
        ),
        (HEADER + ONE[:-1] + ",1\n", r"list\.csv:2: expected an address, 0x and 40 hexadecimal digits"),
        (HEADER + f"{ONE} ,1\n", r"list\.csv:2: expected an address"),
        (HEADER + f'"{ONE}","1"\n', r"list\.csv:2: expected an address"),
        (HEADER + "0x" + 40 * "0" + ",1\n", r"list\.csv:2: expected an account, found the zero address"),
        (HEADER + f"{ONE}\n", r"list\.csv:2: expected an account, a comma and an amount, found '0x"),
        (HEADER + f"{ONE},1,000\n", r"list\.csv:2: expected an account, a comma and an amount"),
        (HEADER + f"{ONE},\n", r"list\.csv:2: '' is not an amount of ERA"),
        (HEADER + f"{ONE},0\n", r"list\.csv:2: the amount is zero"),
        (HEADER + f"{ONE},0.000000000000000000\n", r"list\.csv:2: the amount is zero"),
        (HEADER + f"{ONE},0.0000000000000000001\n", r"list\.csv:2: '0\.0{18}1' has 19 decimals: ERA has 18"),
        (HEADER + f"{ONE},-1\n", r"list\.csv:2: '-1' is not an amount of ERA"),
        (HEADER + f"{ONE},1e3\n", r"list\.csv:2: '1e3' is not an amount of ERA"),
        (HEADER + f"{ONE}, 1\n", r"list\.csv:2: ' 1' is not an amount of ERA"),
        (HEADER + f"{ONE},١\n", r"list\.csv:2: '١' is not an amount of ERA"),
        (HEADER + f"{ONE},1000000001\n", r"list\.csv:2: 1,000,000,001 ERA are more than there are"),
        (HEADER + f"{ONE},{'9' * 5_000}\n", r"list\.csv:2: expected an account, a comma and an amount"),
    ],
)
def test_what_is_wrong_is_one_line_with_its_number(
    tmp_path: Path, content: str | bytes, message: str
) -> None:
    """Duplicates, checksums, dust, zero, empty lines, marks and bytes that are no UTF-8."""
    with pytest.raises(MetalayerError, match=f"^{message}") as caught:
        read_list(written(tmp_path, content))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_a_folder_is_no_list(tmp_path: Path) -> None:
    with pytest.raises(MetalayerError, match="cannot read"):
        read_list(tmp_path)


@given(
    values=st.lists(
        st.tuples(addresses, up_to(HUB_SUPPLY, 1)), min_size=1, max_size=20, unique_by=lambda value: value[0]
    )
)
def test_what_is_written_is_what_is_read(
    tmp_path_factory: pytest.TempPathFactory, values: list[tuple[str, int]]
) -> None:
    folder = tmp_path_factory.mktemp("list")
    kept = [(account, amount) for account, amount in values if int(account, 16)]
    if not kept:
        return
    lines = [f"{account},{shown(amount, 18).replace(',', '')}\n" for account, amount in kept]
    assert read_list(written(folder, HEADER + "".join(lines))) == kept
    tree = Tree.of(kept)
    save_tree(tree, folder / "tree.json")
    assert load_tree(folder / "tree.json") == tree


@pytest.mark.parametrize(("total", "words"), [(71, "found 71, 1 more"), (69, "found 69, 1 less")])
def test_another_sum_than_the_share_is_refused(total: int, words: str) -> None:
    with pytest.raises(MetalayerError, match=rf"^list\.csv: expected 70 ERA together.* {words}$"):
        refuse_other_sum("list.csv", total * 10**18, 70 * 10**18)
    refuse_other_sum("list.csv", 70 * 10**18, 70 * 10**18)


def test_the_same_tree_is_written_twice_and_another_one_not(tmp_path: Path) -> None:
    path = tmp_path / "tree.json"
    for _ in range(2):
        save_tree(Tree.of([(ONE, 1)]), path)
    with pytest.raises(MetalayerError, match="is there already, and another tree: move it away"):
        save_tree(Tree.of([(ONE, 2)]), path)
    assert load_tree(path).values == [(ONE, 1)]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", ["", "{", "[" * 100_000, '{"format": "standard-v1"}', "null"])
def test_what_is_no_tree_is_one_line(tmp_path: Path, content: str) -> None:
    path = tmp_path / "tree.json"
    path.write_text(content)
    with pytest.raises(MetalayerError, match=r"tree\.json") as caught:
        load_tree(path)
    assert "\n" not in str(caught.value)


def test_twenty_thousand_accounts_take_seconds(tmp_path: Path) -> None:
    """A hundred thousand took about 6 s of one core, proofs included: see docs/genesis.md."""
    accounts = [str(to_checksum_address(keccak(number.to_bytes(4))[:20])) for number in range(20_000)]
    began = time.monotonic()
    values = read_list(written(tmp_path, HEADER + "".join(f"{account},3.5\n" for account in accounts)))
    tree = Tree.of(values)
    save_tree(tree, tmp_path / "tree.json")
    assert save_proofs(tree, tmp_path / "proofs") == 257
    assert load_tree(tmp_path / "tree.json") == tree
    assert time.monotonic() - began < 60
