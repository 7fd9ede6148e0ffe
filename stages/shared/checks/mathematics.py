"""Whether two answers are the same in mathematics, by Math-Verify in a process of its own."""

import logging

from stages.shared.checks.child import Child, serve

_CHILD = Child(__name__)


def same(expected: str, answer: str, seconds: float) -> bool | None:
    """Whether `answer` is `expected`: 0.5 and 1/2 are, 2x+1 and 1+2x, {1,2} and {2,1}.

    None if it cannot be said within `seconds`.
    """
    said = _CHILD.ask([expected, answer], seconds)
    return said if isinstance(said, bool) else None


def _serve() -> None:
    from math_verify import parse, verify

    def compare(pair: list[str]) -> bool:
        gold, said = (parse(_marked(text), parsing_timeout=None) for text in pair)
        return bool(gold) and bool(said) and bool(verify(gold, said, timeout_seconds=None))

    logging.disable()  # it warns that there is no time limit, for each pair
    serve(compare)


def _marked(text: str) -> str:
    """As LaTeX, which is where Math-Verify looks for it."""
    return text if "$" in text or "\\boxed" in text else f"${text}$"


if __name__ == "__main__":
    _serve()
