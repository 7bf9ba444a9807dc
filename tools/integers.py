"""Questions about 256-bit words, put as questions about integers: what Halmos asks of products and quotients.

Every word becomes the integer that it stands for. Sums and products whose bounds show that nothing overflows need no
modulus: that is what the solvers' own translations keep, and cannot reason about. A quotient q = n / d becomes
q d <= n < q d + d. Whatever is not understood becomes an unknown within its width, and all that was asserted is kept:
if the integers cannot be, neither can the words. The reverse does not hold, so only "unsat" is an answer.

Runs in the environment of `make prove`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

z3: Any = import_module("z3")

_MOST_CASES = 64
# Halmos asks first with products and quotients of unknowns as functions that nothing is known of, and only then with
# these: the same definitions spare the first question.
_WORDS = r"\(\(_ BitVec (\d+)\) \(_ BitVec \d+\)\) (\(_ BitVec \d+\))\)"
_OF_TWO = r"((x (_ BitVec \1)) (y (_ BitVec \1))) \2"
_ABSTRACT = (
    (rf"\(declare-fun f_evm_bvmul_\d+ {_WORDS}", rf"(define-fun f_evm_bvmul_\1 {_OF_TWO} (bvmul x y))"),
    (
        rf"\(declare-fun f_evm_bvudiv_\d+ {_WORDS}",
        rf"(define-fun f_evm_bvudiv_\1 {_OF_TWO} (ite (= y (_ bv0 \1)) (_ bv0 \1) (bvudiv x y)))",
    ),
)
_QUOTIENTS = (z3.Z3_OP_BUDIV, z3.Z3_OP_BUDIV_I)


def refutes(file: str) -> bool:
    """True if no values satisfy what the SMT-LIB file asserts. False: unknown."""
    question = Path(file).read_text(encoding="utf-8")
    for abstract, defined in _ABSTRACT:
        question = re.sub(abstract, defined, question)
    for number, case in enumerate(_cases(list(z3.parse_smt2_string(question)))):
        solver = z3.Solver()
        solver.add(*_Integers(case).claims)
        if number == _MOST_CASES or solver.check() != z3.unsat:
            return False
    return True


def _cases(claims: list[Any]) -> Iterator[list[Any]]:
    """All cases of what a branchless choice decides by: OpenZeppelin's `b ^ (a ^ b) * (condition ? 1 : 0)` becomes a or
    b, without bitwise operations.
    """
    claims = [z3.simplify(claim) for claim in claims]
    if any(z3.is_false(claim) for claim in claims):
        return
    condition = _choice(claims)
    if condition is None:
        yield claims
        return
    for value, fact in ((True, condition), (False, z3.Not(condition))):
        decided = [z3.substitute(claim, (condition, z3.BoolVal(value))) for claim in claims]
        yield from _cases([*decided, fact])


def _choice(claims: list[Any]) -> Any:
    """The shortest condition between two constants: no other is within it."""
    chosen = None
    fewest = 0
    for term in _terms(claims):
        if term.decl().kind() == z3.Z3_OP_ITE and z3.is_bv_value(term.arg(1)) and z3.is_bv_value(term.arg(2)):
            size = sum(1 for _ in _terms([term.arg(0)]))
            if chosen is None or size < fewest:
                chosen, fewest = term.arg(0), size
    return chosen


def _terms(roots: list[Any]) -> Iterator[Any]:
    """Each once."""
    seen: set[int] = set()
    left = list(roots)
    while left:
        term = left.pop()
        if term.get_id() not in seen:
            seen.add(term.get_id())
            yield term
            left += term.children()


_Bounded: TypeAlias = tuple[Any, int, int]
"""An integer, and between what it lies."""


class _Integers:
    """What claims about words say of the integers that they stand for."""

    def __init__(self, claims: list[Any]) -> None:
        self._most: dict[int, int] = {}
        self._words: dict[int, _Bounded] = {}
        self._truths: dict[int, Any] = {}
        self._implied: list[Any] = []
        # An id is only unique among terms that live: `claims` and what is kept here.
        self._alive: list[Any] = [claims]
        for claim in claims:
            self._learn(claim)
        translated = [self._truth(claim) for claim in claims]
        self.claims = [*self._implied, *translated]

    def _learn(self, claim: Any) -> None:
        """Upper bounds that are claimed."""
        kind, parts = claim.decl().kind(), claim.children()
        if kind == z3.Z3_OP_AND:
            for part in parts:
                self._learn(part)
        elif kind in (z3.Z3_OP_ULEQ, z3.Z3_OP_ULT):
            if z3.is_bv_value(parts[1]):
                self._cap(parts[0], parts[1].as_long() - (kind == z3.Z3_OP_ULT))
        elif kind == z3.Z3_OP_NOT:
            kind, parts = parts[0].decl().kind(), parts[0].children()
            if kind in (z3.Z3_OP_ULEQ, z3.Z3_OP_ULT) and z3.is_bv_value(parts[0]):
                self._cap(parts[1], parts[0].as_long() - (kind == z3.Z3_OP_ULEQ))
        elif kind == z3.Z3_OP_EQ and z3.is_bv(parts[0]):
            for one, other in (parts, parts[::-1]):
                self._learn_width(one, other)

    def _learn_width(self, one: Any, other: Any) -> None:
        """Of a word whose upper bits are zero, or that is another with zeros before it."""
        if _is_zero(one) and other.decl().kind() == z3.Z3_OP_EXTRACT:
            high, low = other.params()
            if high == other.arg(0).size() - 1:
                self._cap(other.arg(0), 2**low - 1)
        if other.decl().kind() == z3.Z3_OP_CONCAT and _is_zero(other.arg(0)):
            self._cap(one, 2 ** (other.size() - other.arg(0).size()) - 1)

    def _cap(self, word: Any, most: int) -> None:
        self._alive.append(word)
        self._most[word.get_id()] = min(most, self._most.get(word.get_id(), most))

    def _word(self, word: Any) -> _Bounded:
        key = word.get_id()
        if key not in self._words:
            self._alive.append(word)
            value, low, high = self._value(word)
            most = self._most.get(key, high)
            if most < high:
                # What was claimed is otherwise lost: with this bound a word is its own lower bits.
                self._implied.append(value <= most)
            self._words[key] = value, low, min(high, most)
        return self._words[key]

    def _value(self, word: Any) -> _Bounded:
        kind, parts, top = word.decl().kind(), word.children(), 2 ** word.size() - 1
        if z3.is_bv_value(word):
            return z3.IntVal(word.as_long()), word.as_long(), word.as_long()
        if kind in (z3.Z3_OP_BADD, z3.Z3_OP_BMUL):
            return self._wrapped(*self._sum(word), top + 1)
        if kind in _QUOTIENTS:
            (n, _, most), (d, least, _) = map(self._word, parts)
            quotient = self._unknown(top)
            divided = z3.And(quotient * d <= n, n < quotient * d + d, quotient <= n)
            self._implied.append(z3.Implies(d > 0, divided))
            return quotient, 0, most // least if least else top
        if kind == z3.Z3_OP_ITE:
            return self._chosen(*parts)
        if kind == z3.Z3_OP_CONCAT:
            value, low, high = self._word(parts[0])
            for part in parts[1:]:
                next_, least, most = self._word(part)
                shift = 2 ** part.size()
                value, low, high = value * shift + next_, low * shift + least, high * shift + most
            return value, low, high
        if kind == z3.Z3_OP_EXTRACT:
            return self._extracted(parts[0], *word.params())
        if kind == z3.Z3_OP_BNOT:
            value, low, high = self._word(parts[0])
            return top - value, top - high, top - low
        return self._unknown(top), 0, top

    def _sum(self, word: Any) -> _Bounded:
        """A sum or a product before it overflows. What is subtracted was written as something large that is added."""
        kind, parts, size = word.decl().kind(), word.children(), word.size()
        if z3.is_bv_value(word):
            number = word.as_long() if word.as_long() < 2 ** (size - 1) else word.as_long() - 2**size
            return z3.IntVal(number), number, number
        if kind == z3.Z3_OP_BADD:
            values, lows, highs = zip(*map(self._sum, parts), strict=True)
            return z3.Sum(values), sum(lows), sum(highs)
        if kind != z3.Z3_OP_BMUL:
            return self._word(word)
        value, low, high = self._sum(parts[0]) if z3.is_bv_value(parts[0]) else self._word(parts[0])
        for part in parts[1:]:
            factor, least, most = self._word(part)
            value, low, high = value * factor, min(low * least, low * most), max(high * least, high * most)
        return value, low, high

    def _wrapped(self, value: Any, low: int, high: int, modulus: int) -> _Bounded:
        if low >= 0 and high < modulus:
            return value, low, high
        rest, times = self._unknown(modulus - 1), z3.FreshInt()
        self._implied += [value == rest + times * modulus, times >= low // modulus, times <= high // modulus]
        return rest, 0, modulus - 1

    def _chosen(self, condition: Any, one: Any, other: Any) -> _Bounded:
        first, least, most = self._word(one)
        second, low, high = self._word(other)
        if other.decl().kind() in _QUOTIENTS and z3.is_eq(condition):
            ends = [_narrowed(end) for end in condition.children()]
            if any(_is_zero(x) and y.eq(_narrowed(other.arg(1))) for x, y in (ends, ends[::-1])):
                # Division by zero is what the other branch is for: here, a quotient is not above what is divided.
                high = self._word(other.arg(0))[2]
        value = self._unknown(max(most, high))
        self._implied.append(value == z3.If(self._truth(condition), first, second))
        return value, min(least, low), max(most, high)

    def _extracted(self, word: Any, high: int, low: int) -> _Bounded:
        value, _, most = self._word(word)
        if low == 0 and most < 2 ** (high + 1):
            return value, 0, most
        top = 2 ** (high + 1 - low) - 1
        above, middle = self._unknown(2 ** (word.size() - 1 - high) - 1), self._unknown(top)
        below = self._unknown(2**low - 1)
        self._implied.append(value == above * 2 ** (high + 1) + middle * 2**low + below)
        return middle, 0, min(top, most >> low)

    def _unknown(self, most: int) -> Any:
        unknown = z3.FreshInt()
        self._implied += [unknown >= 0, unknown <= most]
        return unknown

    def _truth(self, claim: Any) -> Any:
        key = claim.get_id()
        if key not in self._truths:
            self._alive.append(claim)
            self._truths[key] = self._statement(claim)
        return self._truths[key]

    def _statement(self, claim: Any) -> Any:
        kind, parts = claim.decl().kind(), claim.children()
        if kind in (z3.Z3_OP_TRUE, z3.Z3_OP_FALSE):
            return claim
        if kind in (z3.Z3_OP_ULEQ, z3.Z3_OP_ULT) or (kind == z3.Z3_OP_EQ and z3.is_bv(parts[0])):
            one, other = self._word(parts[0])[0], self._word(parts[1])[0]
            if kind == z3.Z3_OP_EQ:
                return one == other
            return one <= other if kind == z3.Z3_OP_ULEQ else one < other
        if kind == z3.Z3_OP_NOT:
            return z3.Not(self._truth(parts[0]))
        if kind in (z3.Z3_OP_AND, z3.Z3_OP_OR):
            return (z3.And if kind == z3.Z3_OP_AND else z3.Or)([self._truth(part) for part in parts])
        if kind == z3.Z3_OP_EQ and z3.is_bool(parts[0]):
            return self._truth(parts[0]) == self._truth(parts[1])
        return z3.FreshBool()


def _is_zero(term: Any) -> bool:
    return bool(z3.is_bv_value(term) and term.as_long() == 0)


def _narrowed(word: Any) -> Any:
    """Without the zeros before it."""
    if word.decl().kind() == z3.Z3_OP_CONCAT and word.num_args() == 2 and _is_zero(word.arg(0)):
        return word.arg(1)
    return word
