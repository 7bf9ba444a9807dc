"""The airdrop: a tree out of a list, its files, and claims."""

from __future__ import annotations

import json
import string
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from metalayer.assets.tokens import BALANCE_OF
from metalayer.deploy.intent import load_intent
from metalayer.deploy.names import AIRDROP
from metalayer.errors import MetalayerError
from metalayer.network.connection import Connection
from metalayer.network.inputs import read_bytes
from metalayer.network.live import Live
from metalayer.network.transactions import Receipt, Sender
from metalayer.network.values import found, read_address
from metalayer.network.workspace import workspace
from metalayer.protocol import airdrop, merkle
from metalayer.protocol.amounts import HUB_SUPPLY, era, parse_era
from metalayer.protocol.dates import utc
from metalayer.protocol.hex import to_hex
from metalayer.protocol.merkle import Progress, Tree
from metalayer.protocol.rpc import block_request

HEADER = "account,amount"
"""First line of a list. Then a line for each account: its address, and an amount of ERA such as 1234.5."""
MAX_BYTES = 1 << 28
"""Most bytes of a list or a tree: some million accounts."""
_MOST_LINE = 200
_ZERO = "0x" + "00" * 20

Values = list[tuple[str, int]]
"""Checksummed accounts and wei, in the order of the list."""


def read_list(path: Path) -> Values:
    """A list of who gets how much. MetalayerError with file and line if anything in it is not exactly as it should be:
    nothing is skipped, rounded or added up.
    """
    lines = _lines(path)
    if lines[0] != HEADER:
        raise _fault(path, 1, f"expected the header {HEADER}, found {found(lines[0])}")
    known: dict[str, int] = {}
    values: Values = []
    for number, line in enumerate(lines[1:], 2):
        try:
            account, amount = _entry(line)
            if account in known:
                raise ValueError(f"{account} is in line {known[account]}, too")
        except (ValueError, MetalayerError) as error:
            raise _fault(path, number, str(error)) from error
        known[account] = number
        values.append((account, amount))
    if not values:
        raise _fault(path, 2, "expected an account and an amount, found the end")
    return values


def _lines(path: Path) -> list[str]:
    data = _read(path)
    if data.startswith(b"\xef\xbb\xbf"):
        raise _fault(path, 1, "expected no byte order mark: save it as UTF-8 without one")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        raise _fault(path, number, f"expected UTF-8, found the byte 0x{data[error.start]:02x}") from error
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    # The last line may end or not.
    return lines[:-1] if len(lines) > 1 and not lines[-1] else lines


def _entry(line: str) -> tuple[str, int]:
    """ValueError or MetalayerError with what is wrong."""
    if not line.strip():
        raise ValueError("expected an account and an amount, found an empty line")
    parts = line.split(",")
    if len(parts) != 2 or len(line) > _MOST_LINE:
        raise ValueError(f"expected an account, a comma and an amount, found {found(line)}")
    account, amount = read_address(parts[0]), parse_era(parts[1])
    if account == _ZERO:
        raise ValueError("expected an account, found the zero address")
    if amount > HUB_SUPPLY:
        raise ValueError(f"{era(amount)} ERA are more than there are, {era(HUB_SUPPLY)}")
    return account, amount


def refuse_other_sum(source: str, total: int, share: int) -> None:
    """MetalayerError unless all together, in wei, are the share of deploy.yaml."""
    if total != share:
        much = "more" if total > share else "less"
        raise MetalayerError(
            f"{source}: expected {era(share)} ERA together, as `genesis.shares.airdrop.amount` in deploy.yaml says, "
            f"found {era(total)}, {era(abs(total - share))} {much}"
        )


def default_tree() -> Path:
    """Where deploy.yaml says that the tree is, from the workspace on. MetalayerError if it does not say."""
    drop = load_intent().genesis.shares.airdrop
    if drop.tree is None:
        raise MetalayerError("deploy.yaml names no file in genesis.shares.airdrop.tree: give one")
    return workspace() / drop.tree


def save_tree(tree: Tree, path: Path) -> None:
    """Writes the tree as one JSON file. MetalayerError if another file is there."""
    text = json.dumps(tree.dump(), indent=1) + "\n"
    if path.exists():
        if path.read_bytes() != text.encode():
            raise MetalayerError(f"{path} is there already, and another tree: move it away")
        return
    new = path.with_name(path.name + ".new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)


def load_tree(path: Path, progress: Progress = lambda count: None) -> Tree:
    """The tree of a file, built again from its values. MetalayerError, with the file, if it is none."""
    try:
        # Not json.loads, which nesting can crash.
        content = from_json(_read(path))
    except ValueError as error:
        raise MetalayerError(f"{path} is not JSON: {error}") from error
    try:
        return merkle.load(content, progress)
    except MetalayerError as error:
        raise MetalayerError(f"{path}: {error}") from error


def save_proofs(tree: Tree, folder: Path, progress: Progress = lambda count: None) -> int:
    """Writes what a website needs, and returns the number of files.

    `ab.json` has amount and proof of each account whose address ends in `ab`, in lower case, so that a page fetches one
    of some hundred accounts; `index.json` has the root, and how much it is together.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files: dict[str, dict[str, Any]] = defaultdict(dict)
    for position, (account, amount) in enumerate(tree.values):
        proof = [to_hex(one) for one in tree.proof(position)]
        files[account[-2:].lower()][account] = {"amount": str(amount), "proof": proof}
        progress(1)
    index = {"root": to_hex(tree.root), "accounts": len(tree.values), "total": str(tree.total)}
    for name, content in {"index": index, **files}.items():
        text = json.dumps(content, indent=1, sort_keys=True) + "\n"
        (folder / f"{name}.json").write_text(text, encoding="utf-8")
    # What another tree left there would be read as this one's.
    for name in (a + b for a in string.hexdigits.lower()[:16] for b in string.hexdigits.lower()[:16]):
        if name not in files:
            (folder / f"{name}.json").unlink(missing_ok=True)
    return len(files) + 1


@dataclass(frozen=True)
class Standing:
    """The contract: the root of its tree, the Unix time of its end, who then gets the rest, what it holds in wei; and
    the time by its chain.
    """

    address: str
    root: bytes
    end: int
    treasury: str
    held: int
    now: int

    @property
    def has_ended(self) -> bool:
        return self.now >= self.end


def read_standing(live: Live) -> Standing:
    """The airdrop on the hub. MetalayerError if there is none."""
    hub, address = _contract(live)
    root, end, treasury, held, block = hub.batch(
        [
            airdrop.ROOT.request(address),
            airdrop.END.request(address),
            airdrop.TREASURY.request(address),
            BALANCE_OF.request(live.registry.address("ERA"), address),
            block_request(),
        ]
    )
    return Standing(address, root, end, treasury, held, block.time)


@dataclass(frozen=True)
class Claim:
    """What an account has in a tree, in wei, and how it proves it; and whether it has got it."""

    account: str
    amount: int
    proof: list[bytes]
    is_claimed: bool


def find_claim(live: Live, tree: Tree, account: str) -> Claim:
    """MetalayerError if the account has nothing in the tree, or if the contract has another one."""
    refuse_other_root(tree, read_standing(live))
    position = next((i for i, (one, _) in enumerate(tree.values) if one == account), None)
    if position is None:
        raise MetalayerError(f"{account} has nothing in the airdrop")
    hub, address = _contract(live)
    is_claimed = hub.view(address, airdrop.IS_CLAIMED, account)
    return Claim(account, tree.values[position][1], tree.proof(position), is_claimed)


def refuse_other_root(tree: Tree, standing: Standing) -> None:
    """MetalayerError unless the contract has the root of this tree."""
    if tree.root != standing.root:
        raise MetalayerError(
            f"this is not the tree of the airdrop: its root is {to_hex(tree.root)}, the contract has "
            f"{to_hex(standing.root)}"
        )


def refuse_settled(live: Live, due: Claim) -> None:
    """MetalayerError if the account has got what it has in the tree, or if it is too late."""
    if due.is_claimed:
        raise MetalayerError(f"{due.account} has got its {era(due.amount)} ERA already")
    standing = read_standing(live)
    if standing.has_ended:
        raise MetalayerError(
            f"the airdrop ended on {utc(standing.end)}: what nobody claimed is the treasury's"
        )


def claim(live: Live, sender: Sender, due: Claim) -> Receipt:
    """Anyone sends an account what it has. Raises Reverted if somebody else did meanwhile."""
    hub, address = _contract(live)
    data = airdrop.CLAIM.encode(due.account, due.amount, due.proof)
    return hub.send(sender, address, data)


def refuse_unswept(standing: Standing) -> None:
    """MetalayerError unless it has ended, and something is left."""
    if not standing.has_ended:
        raise MetalayerError(
            f"the airdrop ends on {utc(standing.end)}: until then what is left can be claimed"
        )
    if not standing.held:
        raise MetalayerError("nothing is left of the airdrop: all was claimed, or sent to the treasury")


def sweep(live: Live, sender: Sender) -> tuple[Receipt, int]:
    """Anyone sends the treasury what is left after the end: the receipt, and how much that was, in wei. Raises Reverted
    if somebody else did meanwhile.
    """
    hub, address = _contract(live)
    receipt = hub.send(sender, address, airdrop.SWEEP.encode(live.registry.address("ERA")))
    return receipt, sum(amount for _, amount in airdrop.SWEPT.found_in(receipt["logs"], address))


def _contract(live: Live) -> tuple[Connection, str]:
    hub = live.network.hub.name
    return live.connection(hub), live.registry.contract(hub, AIRDROP).address


def _read(path: Path) -> bytes:
    data = read_bytes(path, MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise MetalayerError(f"{path.name}: expected at most {MAX_BYTES:,} bytes")
    return data


def _fault(path: Path, line: int, said: str) -> MetalayerError:
    return MetalayerError(f"{path.name}:{line}: {said}")
