"""`ape metalayer stake`: what operators, delegators and passers-by do, end to end."""

from __future__ import annotations

from metalayer.cli import stake
from tests.kit.deployment import ERA, Deployment
from tests.kit.profiles import Profile
from tests.kit.roles import DEPOSITOR


def test_look(profile: Profile, deployment: Deployment) -> None:
    deployment.bring(DEPOSITOR.address, 1000 * ERA, ["hub"])
    me = ("--account", profile.account(DEPOSITOR))
    for args in (
        ["status"],
        ["delegate", "1", "100", *me],
        ["status", profile.account(DEPOSITOR)],
        ["fund", "70000"],
        ["undelegate", "1", "30", *me],
        ["status", profile.account(DEPOSITOR)],
        ["rebond", "1", "10", *me],
        ["withdraw", *me],
        ["claim", *me],
    ):
        r = profile.run(stake, *args)
        print(args, r.exit_code)
        print(r.output)
        if r.stderr:
            print("ERR", r.stderr)
        if r.exception and not isinstance(r.exception, SystemExit):
            raise r.exception
