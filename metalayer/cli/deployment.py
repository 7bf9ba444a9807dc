"""What `ape metalayer deploy` prints."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import fields
from itertools import product
from pathlib import Path
from typing import Any

from metalayer.cli.display import table
from metalayer.deploy.bonds import waiting
from metalayer.deploy.contracts import CONTRACTS
from metalayer.deploy.declaration import KINDS
from metalayer.deploy.desired import Offices
from metalayer.deploy.drift import HINT, Mend
from metalayer.deploy.genesis import late
from metalayer.deploy.names import AIRDROP, ERA
from metalayer.deploy.plan import Plan
from metalayer.deploy.stuck import Stuck
from metalayer.network.registry import Registry, shown
from metalayer.protocol.amounts import HUB_SUPPLY, era, ether
from metalayer.protocol.dates import span, utc
from metalayer.protocol.hex import short


def plan_tables(plan: Plan) -> Iterator[Any]:
    """What `plan` prints: the addresses, every step on every chain with its gas, then the outcome in words."""
    chains = list(plan.chains)
    yield table(
        "Addresses, the same on every chain", ("contract", "address"), plan.resolved.addresses.items()
    )
    yield table(
        "Steps; where their gas differs, the most of one chain",
        ("step", "to do", "on", "#gas"),
        _step_rows(plan),
    )
    if plan.spending:
        yield table(
            "Who sends: gas, and ether at prices as they are now",
            ("chain", "account", "key", "#sends", "#gas", "#costs"),
            _sending_rows(plan),
        )
        yield table(
            "Ether that nodes want to see, and costs at the ceiling (`max_gas_price`)",
            ("chain", "account", "#needs", "#has", "#at the ceiling"),
            _ether_rows(plan),
        )
    yield table("Who holds which office", ("office", "account", "on"), _people(plan))
    bonding = plan.resolved.bonding
    yield table(
        f"Who founds the network: {bonding.seats} seats, at least {era(bonding.minimum_own)} ERA of own stake",
        ("operator, and its signer", "#own", "#commission"),
        _founder_rows(plan),
    )
    yield table(
        "Who has ERA from the first block on",
        ("share", "account; when, if not at once", "#ERA"),
        _allocation_rows(plan),
    )
    yield table("How the network is governed", ("rule", "#value"), _rule_rows(plan))
    yield table(
        "What messages cost, in gwei of ERA, and the share of the protocol on top",
        ("route", "#base", "#1,000 gas", "#byte", "#1,000 gas back", "#share"),
        _fee_rows(plan),
    )
    if words := drift_words(mend for mends in plan.drift.values() for mend in mends):
        yield words
    if words := past_words(plan):
        yield words
    if words := _start_words(plan):
        yield words
    if not plan.has_changes:
        if plan.is_settled:
            yield "no changes"
        return
    steps = [planned.step for steps in plan.chains.values() for planned in steps]
    if waits := waiting(steps):
        yield "\n".join(("Before a gateway can start:", *waits))
    if waits := [step.waits for step in steps if step.waits and step.kind == "configure"]:
        yield "\n".join(waits)
    if problems := [one.problem for one in plan.spending if one.problem]:
        yield "\n".join(("Before `ape metalayer deploy apply` sends anything:", *problems))
    count = sum(planned.step.is_missing for steps in plan.chains.values() for planned in steps)
    gas_sum = sum(planned.gas for steps in plan.chains.values() for planned in steps)
    cost = ether(sum(one.cost for one in plan.spending), up=True)
    first = next(iter(plan.resolved.chains.values()))
    yield (
        f"{count} transactions on {len(chains)} chains, {gas_sum:,} gas, {cost} ether: `ape metalayer deploy apply` "
        f"sends them.\nThe deployer {first.deployer} never owns anything: the owner, a timelock, is a constructor "
        "argument, and the factory's namespace is sealed to it at the end."
    )


def _step_rows(plan: Plan) -> Iterator[tuple[str, str, str, str]]:
    """Each step once, or as often as there are different things to do."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for kind, chain in product(KINDS, plan.chains):
        for planned in (p for p in plan.chains[chain] if p.step.kind == kind):
            found.setdefault((planned.step.name, planned.action), {})[chain] = planned.gas
    for (name, action), gas in found.items():
        most = max(gas.values())
        yield short(name), action, _where(plan, gas), f"{most:,}" if most else ""


def _where(plan: Plan, names: Collection[str]) -> str:
    missing = [name for name in plan.resolved.chains if name not in names]
    if not missing:
        return "every chain"
    return f"all but {missing[0]}" if len(missing) == 1 and len(names) > 1 else ", ".join(names)


def _sending_rows(plan: Plan) -> Iterator[tuple[str, ...]]:
    for one in plan.spending:
        key = "here" if one.is_here else "elsewhere"
        account, cost = short(one.account), ether(one.cost, up=True)
        yield one.chain, account, key, str(one.count), f"{one.gas:,}", cost
    count, gas, cost_sum = (
        sum(column) for column in zip(*((o.count, o.gas, o.cost) for o in plan.spending), strict=True)
    )
    yield "together", "", "", str(count), f"{gas:,}", ether(cost_sum, up=True)


def _ether_rows(plan: Plan) -> Iterator[tuple[str, ...]]:
    for one in plan.spending:
        needed, most = (ether(amount, up=True) for amount in (one.needed, one.at_ceiling))
        yield one.chain, short(one.account), needed, ether(one.balance), most
    needed, most = (
        ether(sum(column), up=True)
        for column in zip(*((one.needed, one.at_ceiling) for one in plan.spending), strict=True)
    )
    yield "together", "", needed, "", most


def past_words(plan: Plan) -> str:
    """What deploy.yaml says of the past that is not true, a line each; empty if there is nothing."""
    differing = [*plan.spent, *plan.founding]
    lines = [f"{one.subject} was {one.found}, deploy.yaml says {one.expected}" for one in differing]
    return "\n".join(("Nothing changes these any more, put deploy.yaml right:", *lines)) if lines else ""


def _start_words(plan: Plan) -> str:
    """What follows of the start of vesting and airdrop, where nothing counts from it yet; empty if nothing."""
    hub = plan.resolved.chains[plan.resolved.network.hub.name]
    steps = [planned.step for planned in plan.chains.get(hub.chain.name, [])]
    if any(step.name == f"create {ERA}" and not step.is_done for step in steps):
        return late(hub.genesis, int(time.time()))
    return ""


def journal_lines(rows: Iterable[Mapping[str, Any]], stuck: Iterable[Stuck]) -> Iterator[str]:
    """What `status` prints: a line for each chain, and for each transaction without an end."""
    states: dict[str, Counter[str]] = {}
    paid: Counter[str] = Counter()
    for row in rows:
        states.setdefault(row["chain"], Counter())[row["state"]] += 1
        paid[row["chain"]] += row["paid"] or 0
    for chain, count in states.items():
        words = ", ".join(f"{number} {state}" for state, number in count.items())
        yield f"{chain}: {words}; {ether(paid[chain], up=True)} ether paid"
    yield from map(str, stuck)


def _people(plan: Plan) -> Iterator[tuple[str, str, str]]:
    """Offices as deploy.yaml has them; where the chain has another, the old one, too."""
    chains = {name: plan.resolved.chains[name] for name in plan.chains}
    for office in fields(Offices):
        words = office.name.replace("_", " ").removesuffix("s")
        held = {name: getattr(desired.offices, office.name) for name, desired in chains.items()}
        accounts = {name: one if isinstance(one, tuple) else (one,) for name, one in held.items()}
        shown_on: dict[str, list[str]] = {}
        for name, some in accounts.items():
            for account in some:
                found = plan.states[name].values.get(words, account)
                is_new = isinstance(found, str) and found != account
                shown_on.setdefault(f"{found}\n→ {account}" if is_new else account, []).append(name)
        for account, on in shown_on.items():
            yield words, account, _where(plan, on)


def _founder_rows(plan: Plan) -> Iterator[tuple[str, str, str]]:
    for bond in plan.resolved.bonding.bonds:
        yield f"{bond.operator}\n{bond.signer}", era(bond.own), f"{bond.commission / 100:g} %"


def _allocation_rows(plan: Plan) -> Iterator[tuple[str, str, str]]:
    hub = plan.resolved.chains[plan.resolved.network.hub.name]
    genesis, locked = hub.genesis, {hub.addresses[wallet.name] for wallet in hub.genesis.wallets}
    for wallet in genesis.wallets:
        when = f"{wallet.name}: {utc(wallet.start)[:10]} to {utc(wallet.start + wallet.duration)[:10]}"
        yield wallet.share, f"{wallet.beneficiary}\n{when}", era(wallet.amount)
    drop = hub.addresses[AIRDROP]
    if genesis.drop is not None:
        yield "airdrop", f"{drop}\nclaimed until {utc(genesis.drop.end)[:10]}", era(genesis.drop.amount)
    for account, amount in hub.allocations.items():
        if account not in locked and account != drop:
            yield "holders", account, era(amount)
    yield "treasury", hub.treasury, era(HUB_SUPPLY - sum(hub.allocations.values()))


def _rule_rows(plan: Plan) -> Iterator[tuple[str, str]]:
    hub = plan.resolved.chains[plan.resolved.network.hub.name]
    rules = hub.governance
    yield "voting delay", span(rules.voting_delay)
    yield "voting period", span(rules.voting_period)
    yield "proposal threshold", f"{era(rules.proposal_threshold)} ERA"
    yield "quorum", f"{rules.quorum} % of the supply"
    yield "timelock delay", span(rules.timelock_delay)


def drift_words(mends: Iterable[Mend]) -> str:
    """What only a vote can mend, a line each, and how; empty if there is nothing."""
    lines = [str(mend) for mend in mends]
    return "\n".join(("Only a vote changes these:", *lines, f"{HINT}.")) if lines else ""


def _fee_rows(plan: Plan) -> Iterator[tuple[str, ...]]:
    for origin, desired in plan.resolved.chains.items():
        for destination, other in plan.resolved.network.chains.items():
            if route := desired.routes.get(other.chain_id):
                terms = route.terms
                fees = (terms.base_fee, terms.gas_fee, terms.byte_fee, terms.return_gas_fee)
                amounts = [f"{amount:,}" for amount in fees]
                yield f"{origin} → {destination}", *amounts, f"{terms.protocol_share / 100:g} %"


def summary(registry: Registry, path: Path) -> str:
    """What `apply` prints at its end."""
    known = {name for chain in registry.chains.values() for name in chain.contracts}
    names = [*(name for name in CONTRACTS if name in known), *sorted(known - CONTRACTS.keys())]
    width = max(len(name) for name in names)
    addresses = "\n".join(f"  {name:<{width}} {registry.address(name)}" for name in names)
    return (
        f"deployed to {', '.join(registry.chains)}, the same on each:\n{addresses}\nregistry: {shown(path)}"
    )
