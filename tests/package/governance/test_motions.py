"""Proposals as a hub's logs have them: of strangers, and of a node that lies."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from typing import Any, cast

import pytest
from eth_abi.abi import encode
from rich.console import Console

from metalayer.cli.display import table
from metalayer.governance.motions import title_of
from metalayer.protocol import governor
from metalayer.protocol.governor import HubProposal
from metalayer.protocol.rpc import Log

PROPOSER = "0x" + "11" * 20
TARGET = "0x" + "22" * 20


def created(description: bytes, id_: int | None = None, target: str = TARGET) -> Log:
    proposal = HubProposal((target,), (0,), (b"\x01",), description.decode("utf-8", "surrogateescape"))
    lists = ("address[]", "uint256[]", "string[]", "bytes[]")
    types = ["uint256", "address", *lists, "uint256", "uint256", "bytes"]
    values = [proposal.id if id_ is None else id_, PROPOSER, [target], [0], [""], [b"\x01"], 1, 2]
    # A text is encoded as bytes are.
    data = encode(types, [*values, description])
    return cast(Any, replace(_LOG, data=data))


_LOG = Log("0x" + "33" * 20, (governor.PROPOSAL_CREATED.topic,), b"", 1, 0, "0x" + "44" * 32)


def test_a_text_that_is_not_utf8_hides_no_proposal() -> None:
    found = governor.PROPOSAL_CREATED.decode(created(b"# A\xff title\nwhy"))
    assert found.proposal.id == found.id
    assert title_of(found.proposal) == r"A\udcff title"


def test_an_id_with_the_actions_of_another_proposal_is_a_lie() -> None:
    honest = governor.PROPOSAL_CREATED.decode(created(b"# A title"))
    with pytest.raises(ValueError, match="is not the id of what was proposed"):
        governor.PROPOSAL_CREATED.decode(created(b"# A title", honest.id, "0x" + "55" * 20))


def test_a_title_changes_no_terminal() -> None:
    proposal = HubProposal((), (), (), "# \x1b[2Jgone \u202e[/red]\nwhy")
    assert title_of(proposal) == r"\x1b[2Jgone \u202e[/red]"
    console = Console(record=True, width=200, file=StringIO())
    console.print(table("Proposals", ("title",), [(title_of(proposal),)]))
    assert title_of(proposal) in console.export_text()
