"""Check whether a formula of first-order logic is well-formed.

In:  {formula: "∀x (Bird(x) → Animal(x))"}
Out: {well_formed: true, logic_error: null}, or {well_formed: false, logic_error: "x is free"};
     null for no text

As MALLS' parser has it (arXiv:2305.15541): predicates of names, ¬, ∧, ∨, ⊕, →, ↔ and quantifiers,
which reach to the end of their bracket; no functions, so that no Not(P(x)) passes for one. Beyond
it, ¬ may stand before any literal, a predicate has as many arguments wherever it stands, no name is
a predicate and a term, and no variable is free: a name that is bound somewhere, or a letter from s
to z, with digits or not. Rows are marked, not dropped.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import ClassVar

import pyarrow as pa
from lark import Lark, Token, Tree
from lark.exceptions import LarkError
from typing_extensions import override

from stages.base import Columns, Fate, Kept, Row, RowStage

_GRAMMAR = r"""
?start: formula
?formula: implication (("↔" | "⊕") implication)*
?implication: disjunction ("→" disjunction)*
?disjunction: conjunction ("∨" conjunction)*
?conjunction: literal ("∧" literal)*
?literal: "¬" literal | quantified | "(" formula ")" | predicate
quantified: ("∀" | "∃") NAME formula
predicate: NAME "(" NAME ("," NAME)* ")"
NAME: /[\w'’.-]+/
%ignore /\s+/
"""
_VARIABLE = re.compile(r"[s-z][_\d₀-₉]*")


class Logic(RowStage):
    """`columns: {formula: …}` names the text."""

    cites: ClassVar[tuple[str, ...]] = ("malls",)
    needs: ClassVar[tuple[str, ...]] = ("formula",)
    adds: ClassVar[Columns] = {"well_formed": pa.bool_(), "logic_error": pa.string()}

    @override
    def decide(self, row: Row) -> Fate:
        if row["formula"] is None:
            return Kept({"well_formed": None, "logic_error": None})
        error = _error(row["formula"])
        return Kept({"well_formed": error is None, "logic_error": error})


@cache
def _parser() -> Lark:
    # Where a formula may end or go on after a quantifier, LALR goes on.
    return Lark(_GRAMMAR, parser="lalr")


def _error(text: str) -> str | None:
    """What is wrong with a formula, in one line."""
    try:
        tree = _parser().parse(text)
    except LarkError as error:
        return str(error).partition("\n")[0]
    return next(_misused(tree), None) or next(_free(tree), None)


def _misused(tree: Tree[Token]) -> Iterator[str]:
    """Predicates of other lengths or within others, and what can be no variable."""
    counts: dict[str, int] = {}
    terms: set[str] = set()
    for each in tree.iter_subtrees():
        first, *rest = map(str, each.children if each.data == "predicate" else each.children[:1])
        if each.data == "quantified":
            terms.add(first)
            if not first[0].isalpha():
                yield f"{first} is no variable"
        if each.data == "predicate":
            terms.update(rest)
            if counts.setdefault(first, len(rest)) != len(rest):
                yield f"{first} has {counts[first]} in one place and {len(rest)} in another"
    yield from (f"{name} is a predicate and a term" for name in sorted(counts.keys() & terms))


def _free(tree: Tree[Token]) -> Iterator[str]:
    """Variables that no quantifier binds where they stand."""
    variables = {str(each.children[0]) for each in tree.find_data("quantified")}
    open_trees: list[tuple[Tree[Token], frozenset[str]]] = [(tree, frozenset())]
    while open_trees:
        each, bound = open_trees.pop()
        names = [str(child) for child in each.children if isinstance(child, Token)]
        if each.data == "quantified":
            bound |= {names[0]}
        elif each.data == "predicate":
            for name in names[1:]:
                if name not in bound and (name in variables or _VARIABLE.fullmatch(name)):
                    yield f"{name} is free"
        open_trees += [(child, bound) for child in each.children if isinstance(child, Tree)]
