"""What staking costs: whole transactions, one in each block, at the most that the design allows."""

from __future__ import annotations

import pytest

from tests.kit.chains import BoundChain
from tests.kit.evm import Receipt, code_of
from tests.kit.paper import DAY
from tests.kit.staking import ERA, MIN_OWN, PERIOD, SETTLES, Bond, matures_at, signing_key
from tests.contracts.staking.conftest import GATEWAY
from tests.kit.chains import BoundChain

MOST = {
    "delegate more": 97_000,
    "delegate first": 130_000,
    "undelegate, first of a period": 130_000,
    "undelegate, merged": 79_000,
    "withdraw": 58_000,
    "claim": 117_000,
    "settle": 185_000,
    "snapshot": 285_000,
}


def test_measure(chains, treasury, slasher, deployer, operator, delegator, other_delegator, passer_by, reporter, delegatee):
    bond = Bond.found(chains["hub"], treasury=treasury, slasher=slasher, deployer=deployer, gateway=GATEWAY, seats=32)
    st = bond.staking
    out = {}
    bond.endow(operator, 30_000_000*ERA)
    bond.era.send("delegate", delegatee, sender=operator)
    for a in (delegator, other_delegator):
        bond.endow(a, 1_000_000*ERA)
        bond.era.send("delegate", delegatee, sender=a)
    ids = bond.seat(operator, *[MIN_OWN + i*ERA for i in range(32)], commission=500)
    bond.reward(70_000*ERA)
    def step(name, *a, sender, **k):
        bond.travel(12)
        r = st.send(*a, sender=sender, **k)
        out[name] = r.gas_used
    def at_period_start():
        bond.reach((bond.period+1)*PERIOD+3600)
    bond.snapshot()
    for i in range(3): step("first", "delegate", ids[3], 1000*ERA, sender=delegator) if i==0 else step("more", "delegate", ids[3], 1000*ERA, sender=delegator)
    step("first other", "delegate", ids[4], 1000*ERA, sender=other_delegator)
    step("more other validator", "delegate", ids[5], 1000*ERA, sender=other_delegator)
    at_period_start()
    p = bond.period
    step("undelegate", "undelegate", ids[3], 300*ERA, sender=delegator)
    step("undelegate merged", "undelegate", ids[3], 300*ERA, sender=delegator)
    step("claim 1 (collected)", "claim", [ids[3]], delegator, sender=delegator)
    step("claim 1 again", "claim", [ids[3]], delegator, sender=delegator)
    step("claim 2", "claim", [ids[4], ids[5]], other_delegator, sender=other_delegator)
    step("claim 2 again", "claim", [ids[4], ids[5]], other_delegator, sender=other_delegator)
    bond.travel(3*DAY)
    bond.reward(70_000*ERA)
    step("claim 2 again", "claim", [ids[4], ids[5]], other_delegator, sender=other_delegator)
    step("snapshot", "snapshot", sender=passer_by)
    big=ids[7]
    bond.endow(operator, 40_000_000*ERA)
    st.send("addOwn", big, 40_000_000*ERA, sender=operator)
    bond.travel(3*DAY)
    step("snapshot one capped", "snapshot", sender=passer_by)
    s = None
    step("freeze", "freeze", ids[3], True, sender=slasher)
    s = bond.snapshot()
    by = {signing_key(i).address: signing_key(i) for i in ids}
    keys = [by[m] for m, _ in s.members]
    args = bond.attest(s, keys)
    step("checkIn all", "checkIn", *args, sender=passer_by)
    step("checkIn 1", "checkIn", *bond.attest(s, keys[:1]), sender=passer_by)
    step("register", "register", *bond.registration(operator), sender=operator)
    step("join", "join", 33, sender=operator)
    step("register", "register", *bond.registration(operator, 2*MIN_OWN), sender=operator)
    step("join evict", "join", 34, sender=operator)
    bond.travel(28*DAY)
    step("settle", "settle", ids[3], reporter, sender=slasher)
    step("release", "release", delegator, ids[3], sender=passer_by)
    step("withdraw slashed", "withdraw", delegator, ids[3], p, sender=passer_by)
    step("vacate", "vacate", ids[6], sender=passer_by)
    step("undelegate", "undelegate", ids[4], 1000*ERA, sender=other_delegator)
    q = bond.period
    bond.reach(matures_at(q))
    step("withdraw", "withdraw", other_delegator, ids[4], q, sender=passer_by)
    for k, v in out.items(): print(f"{k:30}{v:10,}")
    print("size", len(code_of(bond.chain, st.address)), len(code_of(bond.chain, bond.builder.address)))
