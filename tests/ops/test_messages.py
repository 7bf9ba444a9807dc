"""`ape metalayer validate`, `relay`, `send` and `message`, with validators as real processes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from metalayer.assets import credit
from metalayer.cli import message, relay, send
from metalayer.network.live import Live
from metalayer.protocol.gateway import RECEIVE_MESSAGE
from tests.kit.deployment import ERA, Deployment
from tests.kit.profiles import Profile
from tests.kit.roles import DEPOSITOR, PAUPER, RELAYER, TREASURY, VALIDATORS, Role

NOBODY = "0x00000000000000000000000000000000000000AA"
VALIDATE = "from metalayer.cli.validate import cli; cli()"


def run(command: Any, *arguments: str) -> Result:
    return CliRunner(mix_stderr=False).invoke(command.cli, list(arguments))


def start(validator: Role, folder: Path, alias: str | None = None) -> subprocess.Popen[str]:
    record = folder.parent / f"{validator.index}.sqlite"
    options = ["--key", alias or validator.alias, "--exchange", str(folder), "--record", str(record)]
    if not record.exists():
        options.append("--new-record")
    return subprocess.Popen(
        [sys.executable, "-u", "-c", VALIDATE, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ,
    )


@contextmanager
def validating(
    folder: Path, signers: Sequence[Role], profile: Profile | None = None
) -> Iterator[list[subprocess.Popen[str]]]:
    """Validator processes that have their records open; killed at the end if a test leaves them running."""
    processes = [start(signer, folder, profile.account(signer) if profile else None) for signer in signers]
    try:
        for process in processes:
            assert process.stdout is not None
            assert "reads" in process.stdout.readline()
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def test_a_message_from_send_to_its_end(profile: Profile, deployment: Deployment, tmp_path: Path) -> None:
    run = profile.run
    by_sender = ("--account", profile.account(TREASURY))
    by_relayer = ("--account", profile.account(RELAYER))
    deployment.bring(TREASURY.address, ERA, ["arcade"])
    folder = tmp_path / "exchange"
    shared = ("--exchange", str(folder))
    kept = ("--memory", str(tmp_path / "relayer.sqlite"), *shared)
    with validating(folder, VALIDATORS[:4], profile) as validators:
        sent = run(send, "perps", NOBODY, "--text", "hello", "--from", "arcade", "--json", *by_sender)
        assert sent.exit_code == 0, sent.output
        id_ = json.loads(sent.stdout)["id"]
        assert "state          sent" in run(message, id_, *shared).output
        assert (
            "nothing to deliver\n1 messages sent but not final yet"
            in run(relay, "once", *kept, *by_relayer).output
        )
        deployment.pass_time(10)
        deployment.finalize()

        waiting = run(relay, "status", "--stuck-after", "0", "--json", *shared)
        assert waiting.exit_code == 1
        (stuck,) = [lane for lane in json.loads(waiting.output)["lanes"] if lane["stuck"]]
        assert (stuck["origin"], stuck["destination"], stuck["finalized"]) == ("arcade", "perps", 1)

        passed = run(relay, "once", "--json", *kept, *by_relayer)
        assert passed.exit_code == 0, passed.output
        (delivery,) = json.loads(passed.stdout)["deliveries"]
        assert (delivery["chain"], delivery["delivered"], delivery["failed"]) == ("perps", 0, 1)
        standing = run(relay, "status", *kept)
        assert standing.exit_code == 0
        # In whole lines of 80 columns: the lane, and its message that failed.
        lane = r"│ arcade → perps +│ +1 │ +1 │ +1 │ +1 │ +│ ok +│"
        assert re.search(lane, standing.output)
        assert re.search(r"│ arcade → perps +│ +1 │ +0 │ +0 │ +0\.\d+ │", standing.output)

        for process in validators:
            process.send_signal(signal.SIGTERM)
        for process in validators:
            output, _ = process.communicate(timeout=60)
            assert process.returncode == 0
            assert "signed 0x" in output
            assert output.endswith("ended\n")

    found = json.loads(run(message, id_, "--json", *shared).output)
    assert (found["state"], found["payload"]) == ("failed", "0x" + b"hello".hex())
    assert found["reason"] == f"the recipient {NOBODY} has no code on perps"
    assert f"ape metalayer message {id_} --retry" in found["advice"]
    retried = run(message, id_, "--retry", *shared, *by_relayer)
    assert retried.exit_code == 1
    assert retried.stderr == (
        f"Error: perps: the message still fails: the recipient {NOBODY} has no code on perps\n"
    )
    home = run(message, id_, "--bring-home", *shared, *by_relayer)
    assert home.exit_code == 1
    assert home.stderr == (
        "Error: the route from arcade to perps is open: only what was sent over a route that has been closed for 60 "
        "days comes home without its destination\n"
    )
    # Answers every call with the magic value: PUSH4, shift to the left, MSTORE, RETURN.
    accepting = "0x63" + RECEIVE_MESSAGE.selector.hex() + "60e01b5f5260205ff3"
    deployment.connections["perps"].rpc("anvil_setCode", NOBODY, accepting)
    retried = run(message, id_, "--retry", *shared, *by_relayer)
    assert retried.exit_code == 0, retried.output
    assert "state          delivered" in retried.output


def test_send_deposits_what_is_missing_and_no_more(profile: Profile, deployment: Deployment) -> None:
    sender, hub = DEPOSITOR, deployment.connections["hub"]
    deployment.bring(sender.address, ERA, ["hub"])
    fee = credit.quote(hub, deployment.gateway, 902, None, 5)
    credit.deposit(hub, deployment.registry, sender, sender.address, fee - 1)
    for _ in range(2):
        by_sender = ("--account", profile.account(DEPOSITOR))
        sent = profile.run(send, "arcade", NOBODY, "--text", "hello", "--json", *by_sender)
        assert sent.exit_code == 0, sent.output
        assert json.loads(sent.stdout)["fee"] == str(fee)
        state = credit.read(Live.open(), sender.address)["hub"]
        assert state.credit == 0
    assert state.held == ERA - 2 * fee


def test_one_key_one_process(deployment: Deployment, tmp_path: Path) -> None:
    folder = tmp_path / "exchange"
    with validating(folder, VALIDATORS[:1]) as (first,):
        second = start(VALIDATORS[0], folder)
        output, _ = second.communicate(timeout=60)
        assert second.returncode == 1
        assert output.startswith("Error: another validator has the record ")
        assert f": pid {first.pid} on " in output
        assert output.count("\n") == 1


def test_ctrl_c_ends_a_validator(deployment: Deployment, tmp_path: Path) -> None:
    with validating(tmp_path / "exchange", VALIDATORS[:1]) as (process,):
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0


@pytest.mark.parametrize(
    ("command", "arguments", "error"),
    [
        (send, ["hub", NOBODY], "hub is both ends: expected two chains"),
        (send, ["arcade", "0x" + "00" * 20], "InvalidRecipient"),
        (send, ["arcade", NOBODY, "--gas-limit", "16000000"], "GasLimitTooHigh"),
        (send, ["arcade", NOBODY, "--account", "TEST::99"], "no account 'TEST::99'"),
        (
            send,
            ["hub", NOBODY, "--from", "social", "--account", PAUPER.alias],
            "on social, not 0.007656 for the fee of 0.007656: `ape metalayer transfer ERA` brings some there",
        ),
        (
            send,
            ["hub", NOBODY, "--from", "social", "--account", PAUPER.alias, "--no-deposit"],
            "on social, the message needs 0.007656: `ape metalayer credit deposit social 0.007656 --account 0x",
        ),
        (message, ["0x" + "00" * 32], "there is no message 0x00"),
        (message, ["0x" + "00" * 32, "--retry"], "there is no message 0x00"),
        (relay, ["once", "--account", "nobody"], "no account 'nobody'"),
    ],
)
def test_what_people_get_wrong_is_one_line(
    deployment: Deployment, command: Any, arguments: list[str], error: str
) -> None:
    result = run(command, *arguments)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert error in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("command", "arguments", "error"),
    [
        (send, ["nowhere", NOBODY], "no chain 'nowhere'"),
        (
            send,
            ["arcade", "0x12"],
            "'RECIPIENT': expected an address, 0x and 40 hexadecimal digits, found '0x12'",
        ),
        (send, ["arcade", NOBODY, "--payload", "0xzz"], "'0xzz' is not hexadecimal"),
        (send, ["arcade", NOBODY, "--payload", "0x", "--text", "a"], "not both"),
        (send, ["arcade", NOBODY, "--text", "a" * 8_193], "at most 8192"),
        (send, ["arcade", NOBODY, "--deliver-before", "2020-01-01"], "which is in the past"),
        (message, ["0x12"], "'0x12' is not a message id"),
        (
            relay,
            ["restart", "hub", "arcade", "--nonce", "0"],
            "'--nonce': expected a whole number from 1 to 2^64-1",
        ),
        (relay, ["watch", "--every", "-1"], "'--every': expected a number from 0"),
        (relay, ["once", "--claim-at", "0.5"], "'--claim-at': expected a number from 1"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_status_2(command: Any, arguments: list[str], error: str) -> None:
    result = run(command, *arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")
    assert error in result.stderr
    assert result.stderr.count("\n") == 1
