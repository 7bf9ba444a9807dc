"""PyPI's cvc5 (bindings) behind the command line that Halmos expects of a solver: one SMT-LIB file, the answer printed.

Runs in the environment of `make prove`, which has cvc5 and none of the package's other dependencies.
"""

from importlib import import_module
from pathlib import Path
from sys import argv


def answer(file: Path) -> str:
    """What the solver says to each command of the file: sat, unsat or unknown, then a model or an error."""
    cvc5 = import_module("cvc5")
    manager = cvc5.TermManager()
    solver = cvc5.Solver(manager)
    solver.setOption("produce-models", "true")
    # Sums and quotients are easy as integers and hopeless as bits; hashes, cut and joined, are the other way round.
    query = file.read_text(encoding="utf-8")
    as_bits = "f_sha3" in query and "(bvudiv " not in query
    solver.setOption("solve-bv-as-int", "off" if as_bits else "sum")
    parser = cvc5.InputParser(solver)
    parser.setFileInput(cvc5.InputLanguage.SMT_LIB_2_6, str(file))
    symbols = parser.getSymbolManager()
    said = ""
    while not (command := parser.nextCommand()).isNull():
        said += command.invoke(solver, symbols)
    return said


if __name__ == "__main__":
    print(answer(Path(argv[1])), end="")
