"""PyPI's cvc5 and z3 behind the command line that Halmos expects of a solver: one SMT-LIB file, the answer printed.

Runs in the environment of `make prove`, which has cvc5 and z3 and none of the package's other dependencies.
"""

from contextlib import suppress
from importlib import import_module
from multiprocessing import Pipe, Process
from multiprocessing.connection import Connection, wait
from pathlib import Path
from sys import argv

from tools.integers import refutes

# Sums and quotients are easy as integers and hopeless as bits; hashes and storage are the other way round. Products of
# unknowns need bounds, and then are no harder: that way knows no other answer than "unsat".
_WAYS = ("bounded", "sum", "off")


def answer(file: Path) -> str:
    """What the solver says to each command of the file: sat, unsat or unknown, then a model or an error.

    All ways are tried at once; the first that knows is heard.
    """
    # Not a pool: whoever is ended while it answers may hold a lock that the pool's end waits for.
    asked = {}
    for way in _WAYS:
        reader, writer = Pipe(duplex=False)
        asked[reader] = Process(target=_ask, args=(str(file), way, writer))
        asked[reader].start()
        writer.close()
    left = set(asked)
    said = "unknown\n"
    while left and said.startswith("unknown"):
        ready = wait(left)
        for one in [one for one in left if one in ready]:
            left.remove(one)
            # Whoever failed has said so on stderr, and is not heard.
            with suppress(EOFError):
                said = one.recv()
            if not said.startswith("unknown"):
                break
    for process in asked.values():
        process.kill()
    return said


def _ask(file: str, way: str, writer: Connection) -> None:
    writer.send(_said(file, way))


def _said(file: str, way: str) -> str:
    if way == "bounded":
        return "unsat\n" if refutes(file) else "unknown\n"
    cvc5 = import_module("cvc5")
    manager = cvc5.TermManager()
    solver = cvc5.Solver(manager)
    solver.setOption("produce-models", "true")
    solver.setOption("solve-bv-as-int", way)
    parser = cvc5.InputParser(solver)
    parser.setFileInput(cvc5.InputLanguage.SMT_LIB_2_6, file)
    symbols = parser.getSymbolManager()
    said = ""
    while not (command := parser.nextCommand()).isNull():
        said += command.invoke(solver, symbols)
    return said


if __name__ == "__main__":
    print(answer(Path(argv[1])), end="")
