"""A deployment on a page: the topology as a picture, addresses, owners, offices, parameters, genesis, costs.

Of the registry, the two files and the journal alone: the same of these gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from metalayer.deploy.desired import Desired, Resolved
from metalayer.deploy.genesis import Airdrop, Beginning, Share
from metalayer.deploy.intent import Intent
from metalayer.deploy.journal import Journal
from metalayer.network.config import Chain, Network
from metalayer.network.registry import Registry
from metalayer.protocol.amounts import HUB_SUPPLY, era, shown
from metalayer.protocol.dates import span, utc

# What a picture can show: mermaid draws 500 edges, and nobody reads as many.
_MOST_LANES = 60
_ETHER_DECIMALS = 18
_ERA = 10**18


def report(intent: Intent, resolved: Resolved, registry: Registry, journal: Journal) -> str:
    """The page, in Markdown, of the chains that the registry has."""
    network = resolved.network
    chains = [resolved.chains[name] for name in network.chains if name in registry.chains]
    parts = [
        _head(network, registry, chains),
        _topology(network, chains),
        _chains(registry, chains),
        _addresses(registry, chains),
        _offices(chains),
        _rules(chains[0]) if chains else "",
        _terms(chains),
        _limits(network, chains),
        _first_set(registry),
        _genesis(intent.genesis, registry, chains[0]) if chains else "",
        _costs(chains, journal),
        _reproducing(registry),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(network: Network, registry: Registry, chains: Sequence[Desired]) -> str:
    missing = [name for name in network.chains if name not in registry.chains]
    lines = [
        f"# Deployment of {network.name}",
        "",
        f"Network {registry.network_id}: the hub is {network.hub.name}. Deployed by `{registry.deployer}`, which owns "
        f"nothing: on each of the {len(chains)} chains a timelock does.",
    ]
    if missing:
        lines += ["", f"Not deployed yet: {', '.join(missing)}."]
    return "\n".join(lines)


def _topology(network: Network, chains: Sequence[Desired]) -> str:
    lanes = list(_lanes(network, chains))
    drawn = lanes if len(lanes) <= _MOST_LANES else [one for one in lanes if network.hub.name in one[:2]]
    lines = ["## Topology", "", "```mermaid", "graph LR"]
    for desired in chains:
        name, id_ = desired.chain.name, desired.chain.chain_id
        lines.append(f'  {name}(("{name}<br>{id_}"))' if desired.is_hub else f'  {name}["{name}<br>{id_}"]')
    for one, other, there, back in drawn:
        first, last = (other, one) if back and not there else (one, other)
        lines.append(f"  {first} {_ARROWS[there + back]} {last}")
    lines += ["```", ""]
    open_, closed = (
        sum(there + back for *_, there, back in lanes),
        sum(2 - there - back for *_, there, back in lanes),
    )
    words = f"{open_} lanes are open, {closed} are closed (dotted)."
    if len(drawn) < len(lanes):
        words += f" The picture shows those with the hub: {len(drawn)} of {len(lanes)} pairs."
    return "\n".join([*lines, words])


_ARROWS = ("-.-", "-->", "<-->")
"""Between two chains, by how many of the two lanes are open."""


def _lanes(network: Network, chains: Sequence[Desired]) -> Iterator[tuple[str, str, bool, bool]]:
    """Each pair with a route once: whether messages go there, and back."""
    place = {desired.chain.chain_id: number for number, desired in enumerate(chains)}
    for desired in chains:
        for chain_id, route in desired.routes.items():
            other = network.chain(chain_id).name
            if place.get(chain_id, -1) > place[desired.chain.chain_id]:
                back = chains[place[chain_id]].routes[desired.chain.chain_id]
                there = route.outbound and back.inbound
                yield desired.chain.name, other, there, back.outbound and route.inbound


def _chains(registry: Registry, chains: Sequence[Desired]) -> str:
    rows = [
        (
            one.chain.name,
            one.chain.chain_id,
            _finality(one.chain),
            _code(registry.chains[one.chain.name].owner),
            _code(registry.chains[one.chain.name].genesis or "not recorded"),
        )
        for one in chains
    ]
    return _section("Chains", ("chain", "id", "final", "owner", "block 0"), rows)


def _finality(chain: Chain) -> str:
    finality = chain.preset.finality
    return f"`{finality}`" if isinstance(finality, str) else f"newest - {finality}"


def _addresses(registry: Registry, chains: Sequence[Desired]) -> str:
    found: dict[tuple[str, str], list[str]] = {}
    for desired in chains:
        for name, entry in registry.chains[desired.chain.name].contracts.items():
            found.setdefault((name, entry.address), []).append(desired.chain.name)
    everywhere = [desired.chain.name for desired in chains]
    rows = [
        (name, _code(address), "every chain" if names == everywhere else ", ".join(names))
        for (name, address), names in sorted(found.items())
    ]
    return _section("Contracts", ("contract", "address", "on"), rows)


def _offices(chains: Sequence[Desired]) -> str:
    rows = [
        (
            one.chain.name,
            _code(one.offices.council),
            "<br>".join(map(_code, one.offices.watchers)) or "none",
            _code(one.offices.fee_keeper),
            _code(one.offices.recovery),
        )
        for one in chains
    ]
    return _section("Offices", ("chain", "council", "watchers", "fee keeper", "recovery"), rows)


def _rules(hub: Desired) -> str:
    rules, bonding = hub.governance, hub.bonding
    rows = [
        ("voting delay", span(rules.voting_delay)),
        ("voting period", span(rules.voting_period)),
        ("proposal threshold", f"{era(rules.proposal_threshold)} ERA"),
        ("quorum", f"{rules.quorum} % of the supply"),
        ("timelock, on each chain", span(rules.timelock_delay)),
        ("seats of validators", bonding.seats),
        ("least own stake", f"{era(bonding.minimum_own)} ERA"),
    ]
    return _section("Governance and bonding", ("what", "value"), rows)


def _terms(chains: Sequence[Desired]) -> str:
    """By destination: what differs by origin is the way back."""
    rows = []
    for destination in chains:
        there = [
            one.routes[destination.chain.chain_id]
            for one in chains
            if destination.chain.chain_id in one.routes
        ]
        if not there:
            continue
        terms = there[0].terms
        back = dict.fromkeys(f"{one.terms.default_return_gas_limit:,}" for one in there)
        fees = dict.fromkeys(f"{one.terms.return_gas_fee:,}" for one in there)
        rows.append(
            (
                destination.chain.name,
                f"{terms.default_gas_limit:,} / {terms.max_gas_limit:,}",
                " or ".join(back),
                f"{terms.base_fee:,} / {terms.gas_fee:,} / {terms.byte_fee:,}",
                " or ".join(fees),
                f"{terms.protocol_share / 100:g} %",
            )
        )
    columns = (
        "messages to",
        "gas: default / most",
        "gas of a return",
        "fee: message / 1,000 gas / byte",
        "1,000 gas of a return",
        "protocol's share",
    )
    return _section(
        "Terms", columns, rows, "Fees are in gwei of ERA. Of a return, by where the message came from."
    )


def _limits(network: Network, chains: Sequence[Desired]) -> str:
    rows = [
        (
            one.token.name,
            desired.chain.name,
            network.chain(one.chain_id).name,
            shown(one.out, one.token.decimals),
            shown(one.in_, one.token.decimals),
            span(one.window),
        )
        for desired in chains
        for one in desired.bridging.limits
    ]
    if not rows:
        return "## Limits of the bridge\n\nNone: a token is bounded by its accounts alone."
    return _section("Limits of the bridge", ("token", "on", "with", "out", "in", "within"), rows)


def _first_set(registry: Registry) -> str:
    first = registry.validator_set
    if first is None:
        return "## First validator set\n\nNone is published yet."
    total = sum(member.weight for member in first.members)
    rows = [
        (_code(one.signer), era(one.weight), f"{100 * one.weight / total:.2f} %") for one in first.members
    ]
    said = f"Version {first.version}, which expires {utc(first.expires)}."
    return _section("First validator set", ("signer", "weight, ERA", "share"), rows, said)


def _genesis(beginning: Beginning, registry: Registry, hub: Desired) -> str:
    rows = []
    for name, share in beginning.shares:
        whose, how = "the hub's timelock", "at once"
        if isinstance(share, Share):
            whose = "<br>".join(
                f"{_code(registry.accounts.get(holder, holder))} {amount:,}"
                for holder, amount in share.holders.items()
            )
            if vesting := share.vesting:
                how = f"nothing for {span(vesting.cliff)}, then linear for {span(vesting.linear)}"
        elif isinstance(share, Airdrop):
            whose, how = (
                f"whoever is in the tree {_code(share.root)}",
                f"until {utc(beginning.start + share.lasts)}",
            )
        rows.append(
            (name, f"{share.amount:,}", f"{100 * share.amount * _ERA / HUB_SUPPLY:.2f} %", whose, how)
        )
    locked = [
        (one.name, _code(hub.addresses[one.name]), _code(one.beneficiary), era(one.amount), utc(one.start))
        for one in hub.genesis.wallets
    ]
    said = f"Counted from {utc(beginning.start)} on."
    parts = [_section("Genesis", ("share", "ERA", "of the supply", "whose", "when"), rows, said)]
    if locked:
        parts.append(_table(("contract", "address", "beneficiary", "ERA", "vests from"), locked))
    return "\n\n".join(parts)


def _costs(chains: Sequence[Desired], journal: Journal) -> str:
    receipts = [record for record in journal.records if record["record"] == "receipt"]
    if not receipts:
        return "## Transactions\n\nNone is in the journal of this workspace."
    sent_to = {record["chain"] for record in receipts}
    names = [one.chain.name for one in chains if one.chain.name in sent_to]
    totals, rows = [], []
    for name in names:
        own = [record for record in receipts if record["chain"] == name]
        own.sort(key=lambda record: (record["block"], record["step"]))
        paid = [record["paid"] for record in own if "paid" in record]
        known = _ether(sum(paid)) if len(paid) == len(own) else f"{_ether(sum(paid))} of those that say it"
        totals.append((name, len(own), f"{sum(record['gas'] for record in own):,}", known))
        rows += [
            (
                name,
                record["step"] if record["status"] == 1 else f"{record['step']} (reverted)",
                record["block"],
                f"{record['gas']:,}",
                _ether(record["paid"]) if "paid" in record else "not recorded",
                _code(record["hash"]),
            )
            for record in own
        ]
    return "\n\n".join(
        [
            _section("Transactions", ("chain", "transactions", "gas", "ether"), totals),
            _table(("chain", "step", "block", "gas", "ether", "transaction"), rows),
        ]
    )


def _ether(wei: int) -> str:
    return shown(wei, _ETHER_DECIMALS)


def _reproducing(registry: Registry) -> str:
    entries = [entry for chain in registry.chains.values() for entry in chain.contracts.values()]
    compilers = ", ".join(sorted({_code(entry.compiler) for entry in entries if entry.compiler}))
    commits = ", ".join(sorted({_code(entry.commit) for entry in entries if entry.commit}))
    return f"""## To verify it

Compiler: solc {compilers or "of a version that is not recorded"}. Commit: {commits or "not recorded"}.

- In a clone at that commit, `ape metalayer check --registry registry.json --rpc CHAIN=URL` compares all of this with
  the chains, byte for byte. It needs no account.
- `make solc-check` compiles every contract with native and npm's solc: they give the same bytes.
- `verification/` has what block explorers ask for: per chain each contract's path, compiler version and encoded
  constructor arguments, and the compiler's standard JSON input."""


def _section(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], said: str = "") -> str:
    parts = [f"## {title}", said, _table(columns, rows)]
    return "\n\n".join(part for part in parts if part)


def _table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def _code(text: str) -> str:
    return f"`{text}`"
