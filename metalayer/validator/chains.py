"""All chains as one validator sees them: each is read by itself, and trusted until it was seen reorganised."""

import logging
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, wait

from metalayer.attesting.sets import read_sets
from metalayer.attesting.terms import read_newest
from metalayer.errors import MetalayerError
from metalayer.network.mesh import Mesh
from metalayer.network.nodes import Nodes
from metalayer.network.parallel import in_parallel
from metalayer.protocol.attestation import ValidatorSet
from metalayer.protocol.facts import Fact
from metalayer.validator.judge import Judge, Round
from metalayer.validator.record import Record
from metalayer.validator.sight import Finding, Truth

log = logging.getLogger(__name__)


class Chains:
    """A judge for each chain, and its rounds: one at a time for a chain, those of different chains in parallel."""

    def __init__(self, mesh: Mesh, record: Record) -> None:
        self._mesh = mesh
        self._record = record
        self._distrusted = record.reorganised()
        self._rounds: dict[int, Future[Round]] = {}
        anchors = record.anchors()
        self.judges = {
            chain_id: Judge(Nodes.of(connection), mesh.domain, mesh.staking, anchors.get(chain_id))
            for chain_id, connection in mesh.by_id.items()
        }

    def is_read(self, chain_id: int) -> bool:
        """True while a round of this chain has not ended."""
        return chain_id in self._rounds

    def begin(self, chain_id: int, facts: Sequence[Fact]) -> None:
        """Begins a round, see `Judge.look`."""
        future: Future[Round] = Future()

        def look() -> None:
            try:
                future.set_result(self.judges[chain_id].look(facts))
            except Exception as error:  # noqa: BLE001
                # Whatever one chain does to this code, the other chains and the next rounds go on.
                log.warning("chain %d: its round failed: %r", chain_id, error)
                nothing = Finding(Truth.NOT_YET, f"chain {chain_id} cannot be read")
                future.set_result(Round(dict.fromkeys(facts, nothing)))

        self._rounds[chain_id] = future
        # A daemon: a node that trickles its answer for ever does not keep the process.
        threading.Thread(target=look, daemon=True).start()

    def wait(self, timeout: float | None = None) -> None:
        """Until all rounds have ended, or for so many seconds."""
        wait(self._rounds.values(), timeout)

    def ended(self) -> Iterator[tuple[int, Round]]:
        """What was found in the rounds that have ended, by chain id; each once."""
        for chain_id, future in list(self._rounds.items()):
            if not future.done():
                continue
            del self._rounds[chain_id]
            found = future.result()
            if found.reorganised:
                self._distrust(chain_id, found.reorganised)
                waiting = Finding(Truth.NOT_YET, self.distrust(chain_id), final=True)
                found = Round(dict.fromkeys(found.findings, waiting))
            yield chain_id, found

    def distrust(self, chain_id: int) -> str:
        """Why nothing from a chain is signed. Empty if it is trusted."""
        if chain_id not in self._distrusted:
            return ""
        name = self._name(chain_id)
        return (
            f"{name} was reorganised below its finality ({self._distrusted[chain_id]}): nothing from it is signed "
            f"until its operator says so (`ape metalayer validate --trust-again {name}`)"
        )

    def trust_again(self, name: str) -> str:
        """Begins again with what a chain says now; what was signed still binds. Returns how it was reorganised.

        MetalayerError if there is no such chain, or if it was not seen reorganised.
        """
        ids = {self._name(chain_id): chain_id for chain_id in (*self.judges, *self._distrusted)}
        if name not in ids:
            raise MetalayerError(f"no chain '{name}': expected one of {', '.join(ids)}")
        how = self._distrusted.get(ids[name])
        if how is None:
            raise MetalayerError(f"{name} was not seen reorganised: it is signed for")
        self._record.trust_again(ids[name])
        del self._distrusted[ids[name]]
        if ids[name] in self.judges:
            self.judges[ids[name]].anchor = None
        return how

    def memberships(self, signer: str) -> list[str]:
        """To which sets a signer belongs, as enough nodes say: a line for each set that a chain has, for the newest
        that was published if none has it yet, and for each chain that does not answer.
        """

        def read(judge: Judge) -> ValidatorSet | str:
            try:
                return judge.nodes.agreed(lambda node: read_sets(node, self._mesh.gateway).installed)
            except MetalayerError as error:
                return str(error)

        names: dict[ValidatorSet, list[str]] = {}
        problems = []
        for judge, said in zip(self.judges.values(), in_parallel(read, self.judges.values()), strict=True):
            if isinstance(said, str):
                problems.append(said)
            else:
                names.setdefault(said, []).append(judge.chain.name)
        lines = [
            f"{_is_in(signer, installed)} validator set {installed.version} of {', '.join(chains)}"
            for installed, chains in sorted(names.items(), key=lambda item: item[0].version)
        ]
        hub = self.judges.get(self._mesh.network_id)
        try:
            newest = hub and hub.nodes.agreed(lambda node: read_newest(node, self._mesh.staking))
        except MetalayerError as error:
            problems.append(str(error))
        else:
            if newest and newest not in names:
                lines.append(
                    f"{_is_in(signer, newest)} validator set {newest.version}, which no chain has yet"
                )
        if not any(line.startswith("in ") for line in lines):
            lines.append(f"warning: {signer} is in no validator set: nobody counts it")
        return list(dict.fromkeys(lines + problems))

    def warnings(self) -> list[str]:
        """A line for each node that cannot be used, chain that is read through a single one, and chain that is not
        signed for.
        """
        lines = [
            line for some in in_parallel(lambda judge: judge.stand(), self.judges.values()) for line in some
        ]
        for judge in self.judges.values():
            name = judge.chain.name
            if not judge.chain.is_local and len(judge.nodes.connections) == 1:
                lines.append(
                    f"{name}: it is read through one node, whose every lie would be signed: name several in "
                    f"networks.yaml (chains.{name}.nodes)"
                )
        return lines + [self.distrust(chain_id) for chain_id in self._distrusted]

    def _name(self, chain_id: int) -> str:
        return self.judges[chain_id].chain.name if chain_id in self.judges else str(chain_id)

    def _distrust(self, chain_id: int, how: str) -> None:
        self._distrusted[chain_id] = how
        log.warning("%s", self.distrust(chain_id))
        try:
            self._record.distrust(chain_id, how)
        except MetalayerError as error:
            # Its last final block is in the record: after a restart it is seen again.
            log.warning("%s", error)


def _is_in(signer: str, validator_set: ValidatorSet) -> str:
    return "in" if signer in (member for member, _ in validator_set.members) else "not in"
