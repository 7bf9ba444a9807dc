"""What `submit` and `build` need of a simulation: report.json beside the proposal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from metalayer.errors import MetalayerError
from metalayer.governance.beside import read_json
from metalayer.governance.build import gas_limit
from metalayer.network.gas import MAX_TRANSACTION_GAS
from metalayer.network.values import read_whole
from metalayer.protocol.hex import from_hex

REPORT_FILE = "report.json"


def read(folder: Path) -> dict[str, Any] | None:
    """The report of a proposal's simulation, None if there is none. MetalayerError if it is none."""
    try:
        data = read_json(folder, REPORT_FILE)
        if data is None or (isinstance(data, dict) and isinstance(data["hash"], str)):
            return data
    except (KeyError, ValueError):
        pass
    raise MetalayerError(f"{folder.name}/{REPORT_FILE} is no report of a simulation: simulate it again")


def gas_limits(folder: Path) -> dict[bytes, int]:
    """By decision's id, from the gas that the simulation measured; empty without one. MetalayerError if it is none."""
    try:
        measured = (read(folder) or {}).get("gas", {})
        return {
            from_hex(id_): gas_limit(read_whole(used, 1, MAX_TRANSACTION_GAS))
            for id_, used in measured.items()
        }
    except (AttributeError, TypeError, ValueError) as error:
        raise MetalayerError(
            f"{folder.name}/{REPORT_FILE}: `gas` is not of decisions: simulate it again"
        ) from error


def simulated(folder: Path) -> str:
    """Hash of what was simulated. MetalayerError if nothing was, or if the simulation found something wrong."""
    report = read(folder)
    number = folder.name[:3]
    if report is None:
        raise MetalayerError(
            f"{folder.name} was not simulated: run `ape metalayer propose simulate {number}`, or give --unsimulated"
        )
    if report.get("passed") is False:
        raise MetalayerError(
            f"the simulation of {folder.name} did not pass: read {folder.name}/REPORT.md, or give --unsimulated"
        )
    return str(report["hash"])
