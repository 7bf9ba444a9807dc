"""Proposals as files: their shape, and every fault with its line, all at once."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metalayer.errors import MetalayerError
from metalayer.governance.build import build
from metalayer.governance.faults import Faults
from metalayer.governance.files import find, load, read, read_on
from metalayer.governance.written import Check, Expectation, call_parts
from tests.kit.proposing import Desk, PaperChains

OPEN = "Metalayer.setOpen: { chainId: hub, outbound: true, inbound: false }"


def test_a_file_is_read_with_the_line_of_everything(desk: Desk) -> None:
    proposal = desk.load(f"""
chains:
  hub:
    - Staking.fund:
  arcade, perps:
    - {OPEN}
expect:
  - {{ on: all, call: Metalayer.route(hub).outbound, is: true }}
then:
  - check: {{ with: chess }}
  - transfer: 1 ERA from arcade to perps by hub, and back
  - {{ on: arcade, call: Metalayer.owner, is: Timelock }}
writes:
  spokes: [Metalayer._routes]
""")
    assert (proposal.number, proposal.name, proposal.title) == (1, "001-test", "A test")
    assert list(proposal.chains) == ["hub", "arcade", "perps"]
    assert [entry.line for entry in proposal.chains["hub"]] == [5]
    assert proposal.chains["arcade"] == proposal.chains["perps"]
    assert proposal.chains["arcade"][0].line == 7
    (expectation,) = proposal.expect
    assert (expectation.line, expectation.chains) == (9, ("hub", "arcade", "perps", "social"))
    kinds = [one.kind if isinstance(one, Check) else one.call for one in proposal.then]
    assert kinds == ["check", "transfer", "Metalayer.owner"]
    assert isinstance(proposal.then[2], Expectation)
    assert proposal.then[2].chains == ("arcade",)
    assert proposal.writes == dict.fromkeys(("arcade", "perps", "social"), ("Metalayer._routes",))


def test_a_chain_may_be_in_several_groups(desk: Desk) -> None:
    proposal = desk.load(
        f"chains:\n  arcade:\n    - {OPEN}\n  spokes:\n    - {OPEN.replace('true', 'false')}\n"
    )
    assert [entry.line for entry in proposal.chains["arcade"]] == [4, 6]
    assert [entry.line for entry in proposal.chains["perps"]] == [6]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (f"chain:\n  arcade:\n    - {OPEN}\n", "2: chain: unknown name, did you mean 'chains'?"),
        ("chains:\n  arcade: []\n", "2: chains: expected at least one action"),
        (f"chains:\n  arcad:\n    - {OPEN}\n", "3: chains.arcad: no chain 'arcad', did you mean 'arcade'?"),
        ("chains:\n  arcade: 7\n", "3: chains.arcade: expected a list, found '7'"),
        (
            "chains:\n  arcade:\n    - setOpen\n",
            "4: chains.arcade.0: expected names with values, found 'setOpen'",
        ),
        ("chains:\n  arcade:\n    - setOpen: []\n", "4: chains.arcade.0.setOpen: expected a call such as"),
        (
            f"chains:\n  arcade:\n    - {OPEN}\n      ERA.transfer: []\n",
            "4: chains.arcade.0: expected one call, such as Metalayer.setOpen, found 2",
        ),
        ("chains:\n  hub:\n    - pay: { to: TEST::3 }\n", "4: chains.hub.0.pay: `value` is missing"),
        ("chains:\n  hub:\n    - raw: { to: TEST::3, dat: 0x }\n", "4: chains.hub.0.raw.dat: unknown name"),
        (
            f"chains:\n  arcade:\n    - {OPEN}\nexpect:\n  - {{ on: all, is: 3 }}\n",
            "6: expect.0: expected `call`",
        ),
        (
            f"chains:\n  arcade:\n    - {OPEN}\nexpect:\n  - {{ call: owner, is: 3 }}\n",
            "6: expect.0.call: expected a call such as",
        ),
        (
            f"chains:\n  arcade:\n    - {OPEN}\nafter: [three]\n",
            "5: after.0: expected a decision such as 3/arcade",
        ),
        (
            f"chains:\n  arcade:\n    - {OPEN}\ncancels: [{{ on: arcade, id: 0x12 }}]\n",
            "5: cancels.0: expected {on: CHAIN, id: 0x…}",
        ),
        (
            f"chains:\n  arcade:\n    - {OPEN}\nwrites:\n  all: [routes]\n",
            "6: writes.all.0: expected a variable",
        ),
    ],
)
def test_a_fault_has_its_line(desk: Desk, content: str, fault: str) -> None:
    found = desk.faults(content)
    assert any(line.startswith(fault) for line in found), found


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "README.md is empty"),
        ("A test", "expected the first line of README.md to be `# A test`"),
        ("# A test\n\n#proposer=0x00", "README.md has `#proposer=`"),
        ("# A test\n" + "x" * 16_384, "README.md has 16393 bytes, expected at most 16384"),
    ],
)
def test_the_text_is_checked_too(desk: Desk, text: str, fault: str) -> None:
    (found,) = desk.faults(f"chains:\n  arcade:\n    - {OPEN}\n", text=text)
    assert fault in found


def test_all_faults_are_said_at_once_in_the_order_of_the_file(desk: Desk) -> None:
    """Those of the shape, and those of names and types."""
    found = desk.faults("""chains:
  arcade:
    - Metalayer.setOpen: { chainId: hub, outbound: 1, inbound: false }
    - Metalayer.setOpn: []
  hub: [7]
writing: 7
""")
    assert [line.partition(":")[0] for line in found] == ["4", "5", "6", "7"]


def test_proposals_are_found_by_number_and_name(desk: Desk) -> None:
    folder = desk.write(f"chains:\n  hub:\n    - {OPEN}\n", "012-open")
    assert find(12, desk.root) == find("012", desk.root) == find("012-open", desk.root) == folder
    assert load("12", desk.network, desk.root).name == "012-open"
    with pytest.raises(
        MetalayerError, match=r"there is no proposal '13' in proposals/: expected one of 012-open"
    ):
        find("13", desk.root)
    desk.write("chains: {}\n", "012-other")
    with pytest.raises(MetalayerError, match="012-open and 012-other have one number"):
        find(12, desk.root)


def test_a_folder_without_a_text_is_no_proposal(desk: Desk, tmp_path: Path) -> None:
    folder = desk.write(f"chains:\n  hub:\n    - {OPEN}\n")
    (folder / "README.md").unlink()
    with pytest.raises(Faults, match=r"there is no README\.md beside it"):
        read(folder, desk.network)


def test_parts_of_a_call() -> None:
    assert call_parts("Metalayer.route(arcade).terms.baseFee") == (
        "Metalayer",
        "route",
        ["arcade"],
        ["terms", "baseFee"],
    )
    assert call_parts("ERA.totalSupply") == ("ERA", "totalSupply", None, [])
    assert call_parts("Metalayer.earnings(arcade, TEST::3)") == (
        "Metalayer",
        "earnings",
        ["arcade", "TEST::3"],
        [],
    )
    assert call_parts("owner") is None


WORDS = st.sampled_from(
    [
        "title", "proposer", "chains", "expect", "after", "cancels", "then", "writes", "on", "is", "call", "code", "id",
        "pay", "raw", "to", "data", "value", "file", "keccak", "creation", "with", "create3", "preset", "return",
        "hub", "arcade", "all", "spokes", "{chain}", "TEST::3", "Metalayer", "Metalayer.setOpen", "Metalayer.setTerms",
        "Metalayer.route(hub).outbound", "ERA.transfer", "chainId", "outbound", "terms", "true", "1 ether", "1.5 ERA",
        "0x12", "0x" + "7" * 64, "3/arcade", "", "-1", "1e9", "~", "2 days", "0x" + "0" * 39 + "1",
    ]
)  # fmt: skip
CONTENT = st.recursive(
    WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)
ACTIONS = st.dictionaries(
    st.sampled_from(["Metalayer.setOpen", "Metalayer.setTerms", "ERA.transfer", "pay", "raw"]), CONTENT
)
PROPOSALS = st.fixed_dictionaries(
    {"title": st.just("A test"), "proposer": st.just("TEST::3")},
    optional={
        "chains": st.dictionaries(
            st.sampled_from(["hub", "arcade", "spokes"]), st.lists(ACTIONS | CONTENT, max_size=2)
        ),
        **dict.fromkeys(
            ("expect", "after", "cancels", "then", "writes"), CONTENT | st.lists(CONTENT, max_size=2)
        ),
    },
)


@given(PROPOSALS | CONTENT)
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_nothing_that_is_written_ends_in_a_traceback(desk: Desk, content: Any) -> None:
    folder = desk.write("title: A test\nproposer: TEST::3\n")
    (folder / "proposal.yml").write_text(yaml.safe_dump(content), encoding="utf-8")
    with suppress(MetalayerError):
        build(read_on(folder, desk.network), desk.names, PaperChains())


def test_what_then_cannot_try_is_said_before_a_rehearsal(desk: Desk) -> None:
    (found,) = desk.faults(f"chains:\n  arcade:\n    - {OPEN}\nthen:\n  - transfr: 1 ERA\n")
    assert found.startswith("6: then.0.transfr: no such check, did you mean 'transfer'?")
