"""PyPI's cvc5 (bindings) behind the command line that Halmos expects of a solver: one SMT-LIB file, the answer printed.

Runs in the environment of `make prove`, which has cvc5 and none of the package's other dependencies.
"""

from functools import partial
from importlib import import_module
from multiprocessing import Pool
from pathlib import Path
from sys import argv

# Sums and quotients are easy as integers and hopeless as bits; hashes and storage are the other way round.
_WAYS = ("sum", "off")


def answer(file: Path) -> str:
    """What the solver says to each command of the file: sat, unsat or unknown, then a model or an error.

    Both ways are tried at once; the first that knows is heard.
    """
    said = "unknown\n"
    with Pool(len(_WAYS)) as pool:
        for said in pool.imap_unordered(partial(_ask, str(file)), _WAYS):
            if not said.startswith("unknown"):
                break
    return said


def _ask(file: str, bits_as_integers: str) -> str:
    cvc5 = import_module("cvc5")
    manager = cvc5.TermManager()
    solver = cvc5.Solver(manager)
    solver.setOption("produce-models", "true")
    solver.setOption("solve-bv-as-int", bits_as_integers)
    parser = cvc5.InputParser(solver)
    parser.setFileInput(cvc5.InputLanguage.SMT_LIB_2_6, file)
    symbols = parser.getSymbolManager()
    said = ""
    while not (command := parser.nextCommand()).isNull():
        said += command.invoke(solver, symbols)
    return said


if __name__ == "__main__":
    print(answer(Path(argv[1])), end="")
