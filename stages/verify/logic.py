"""Check whether a formula of first-order logic is well-formed.

In:  {formula: "∀x (Bird(x) → Animal(x))"}
Out: {well_formed: true, logic_error: null}, or {well_formed: false, logic_error: "x is free"};
     null for no text

Accepted is what MALLS' parser accepts (arXiv:2305.15541): predicates with arguments, ¬, ∧, ∨, ⊕, →,
↔ and quantifiers, which reach to the end of their bracket. Beyond it, terms may be functions, a
predicate has as many arguments wherever it stands, and no variable (a letter from s to z, with
digits or not) is free. Rows are marked, not dropped.
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
predicate: NAME "(" term ("," term)* ")"
?term: NAME -> name | NAME "(" term ("," term)* ")" -> function
NAME: /\w+/
%ignore /\s+/
"""


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
    return next(_free(tree), None) or next(_uneven(tree), None)


def _free(tree: Tree[Token]) -> Iterator[str]:
    """Variables that no quantifier binds."""
    open_trees: list[tuple[Tree[Token], frozenset[str]]] = [(tree, frozenset())]
    while open_trees:
        each, bound = open_trees.pop()
        name = str(each.children[0]) if isinstance(each.children[0], Token) else ""
        if each.data == "quantified":
            bound |= {name}
        if each.data == "name" and name not in bound and re.fullmatch(r"[s-z]\d*", name):
            yield f"{name} is free"
        open_trees += [(child, bound) for child in each.children if isinstance(child, Tree)]


def _uneven(tree: Tree[Token]) -> Iterator[str]:
    """Predicates and functions with more arguments in one place than in another."""
    counts: dict[tuple[str, str], int] = {}
    for each in tree.iter_subtrees():
        if each.data in ("predicate", "function"):
            name, arguments = str(each.children[0]), len(each.children) - 1
            if counts.setdefault((each.data, name), arguments) != arguments:
                yield f"{name} has {counts[each.data, name]} arguments, and {arguments}"
