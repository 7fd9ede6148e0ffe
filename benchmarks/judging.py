"""What judging costs, with the packaged model in vLLM: P4 and P5.

    python -m benchmarks.judging [--only prefix,pairs,checklist,token]

`prefix` (P4): a run that has `judge.quality` grade 16 answers to each of 4 instructions of a
thousand tokens; `pairs` has `judge.pair` compare them in both orders, `checklist` has
`judge.checklist` ask four questions of each. Tokens that vLLM took from its prefix cache, as the
ledger has them, over those attainable: for each prompt the whole blocks that it begins with as
another before it does. `token`
(P5): one token read by its log-probabilities against a verdict in words of at most 128 tokens,
short and long ones, same rows and model; and how the two scores agree (Spearman). Arms take turns,
A B B A; each begins with a number of its own, so that none profits from another's prefix.
"""

import argparse
import re
import statistics
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from scipy.stats import spearmanr

from benchmarks.kept import MODEL, Kept
from benchmarks.one_stage import carried_out, recipe
from benchmarks.turns import apart, in_turn, timed
from pipelines.execution.engines.replicas import Replicas
from pipelines.execution.executor import LocalExecutor
from stages.ask import Ask, Chat, Reply, Sampling, chat
from stages.engines.vllm import Vllm
from stages.errors import ReplyError
from stages.judge.quality import Quality

BLOCK = 32  # what stages/engines/vllm.py sets on a CPU
FACTS = (
    ("What is the capital of France?", "Paris", "Lyon"),
    ("How many legs does a spider have?", "eight", "six"),
    ("Which planet is the largest of the solar system?", "Jupiter", "Mars"),
    ("What is 17 plus 25?", "42", "45"),
    ("Who wrote Faust?", "Goethe", "Schiller"),
    ("At what temperature does water boil at sea level, in Celsius?", "100 degrees", "80 degrees"),
    ("Which gas do plants take in for photosynthesis?", "carbon dioxide", "helium"),
    ("What is the chemical symbol of gold?", "Au", "Ag"),
    ("In which year did the Berlin Wall fall?", "1989", "1969"),
    ("What is the square root of 144?", "12", "14"),
    ("Which ocean lies between Europe and America?", "the Atlantic", "the Pacific"),
    ("What do bees make?", "honey", "silk"),
)
ORDERS = {
    "short verdicts": "First weigh the answer in a sentence or two. Then end with a line "
    "`Grade: N`, N from 1 to 5.",
    "long verdicts": "Begin with a line `Grade: N`, N from 1 to 5. Then justify it in ten long "
    "paragraphs: correctness, completeness, clarity, what is missing, how to do it better, each "
    "with reasons for and against.",
}
"""What the judge is told to write."""


def answers() -> list[dict[str, str]]:
    """Questions with four answers each, from good to useless."""
    return [
        {"instruction": asked, "response": text}
        for asked, right, wrong in FACTS
        for text in (
            f"The answer is {right}.",
            f"It may be {wrong}, or else {right}; I am not sure.",
            f"The answer is {wrong}.",
            "I like turtles.",
        )
    ]


QUESTIONS = ("Is it true?", "Is it short?", "Is it polite?", "Does it name a fact?")
JUDGES: dict[str, tuple[list[dict[str, Any]], str]] = {
    "prefix": ([{"use": "judge.quality"}], "Grade how well"),
    "pairs": (
        [
            {"use": "judge.quality"},
            {"use": "pair.scored", "against": "each"},
            {"use": "judge.pair", "choices": "tie"},
        ],
        "Two assistants",
    ),
    "checklist": ([{"use": "judge.checklist", "questions": QUESTIONS}], "Judge an assistant"),
}
"""The stages behind the answers, and how the prompts of the last one begin."""


def prefix(host: Kept, name: str) -> None:
    """P4."""
    judges, begins = JUDGES[name]
    facts = " ".join(f"Fact {i} is {i * i}." for i in range(110))
    asked = [f"Case {n}. {facts} Which fact is the largest?" for n in range(4)]
    stages: list[dict[str, Any]] = [
        {"use": "generate.respond", "samples": 16, "max_tokens": 16, "temperature": 1.0},
        *judges,
    ]
    host.requests.clear()
    with tempfile.TemporaryDirectory() as folder:
        engine = {"kind": "vllm", "model": MODEL}
        made = recipe(asked, Path(folder), engine, *stages, shard_rows=8)
        executor = LocalExecutor({"main": Replicas([host])})
        usage = carried_out(made, Path(folder), executor).usage
    asks = [r for r in host.requests if _text(r.ask).startswith(begins)]
    assert asks, "the prompt begins otherwise now"
    prompts = [host.tokens(request) for request in asks]
    able, cached = attainable(prompts), usage.cached_tokens
    print(f"P4 {name}: {len(prompts)} prompts, {usage.prompt_tokens:,} tokens, {able:,} attainable "
          f"from the cache, {cached:,} taken: {cached / able:.3f} (goal 0.95)")  # fmt: skip


def _text(ask: Ask) -> str:
    return ask.prompt.messages[-1].content if isinstance(ask.prompt, Chat) else ""


def attainable(prompts: Iterable[Sequence[int]]) -> int:
    """Tokens in whole blocks that a prompt begins with as one before it does."""
    seen: set[tuple[int, ...]] = set()
    total = 0
    for prompt in prompts:
        ends = range(BLOCK, len(prompt), BLOCK)  # the last token is always computed
        total += max((end for end in ends if tuple(prompt[:end]) in seen), default=0)
        seen.update(tuple(prompt[:end]) for end in ends)
    return total


def token(host: Kept) -> None:
    """P5."""
    for words, order in ORDERS.items():
        beside(host, words, order)


def beside(host: Kept, words: str, order: str) -> None:
    """One token against verdicts in so many words."""
    judge, rows = Quality(), answers()
    grades: dict[str, list[float | None]] = {}
    tokens: list[int] = []

    def short(number: int) -> float:
        took, replies = timed(host, [apart(judge.ask(row), number) for row in rows])
        grades["token"] = [score(judge, *pair) for pair in zip(rows, replies, strict=True)]
        return took

    def long(number: int) -> float:
        took, replies = timed(host, [apart(verdict(judge, row, order), number) for row in rows])
        grades["verdict"] = [graded(reply.text) for reply in replies]
        tokens[:] = [reply.completion_tokens for reply in replies]
        return took

    one, many = in_turn(short, long)
    both = [pair for pair in zip(*grades.values(), strict=True) if None not in pair]
    rank = spearmanr([a for a, _ in both], [b for _, b in both]).statistic
    rates = f"one token {len(rows) / one:.2f} rows/s, {words} {len(rows) / many:.2f} rows/s"
    print(f"P5 {len(rows)} rows: {rates}: {many / one:.1f} times (goal 5); "
          f"{statistics.mean(tokens):.0f} tokens a verdict; Spearman {rank:.2f} over the "
          f"{len(both)} rows that both graded")  # fmt: skip


def score(judge: Quality, row: dict[str, str], reply: Reply) -> float | None:
    """The stage's grade; None for a reply that it cannot read."""
    try:
        return float(judge.read(row, reply).columns["score"])  # type: ignore[union-attr]
    except ReplyError:
        return None


def verdict(judge: Quality, row: dict[str, str], order: str) -> Ask:
    """The same question, answered in words."""
    asked = judge.ask(row)
    assert isinstance(asked.prompt, Chat)
    text, told, cue = _text(asked), "Reply with 1, 2, 3, 4 or 5 alone.", "The verdict:"
    assert told in text
    assert text.endswith(cue)
    text = text.replace(told, order).removesuffix(cue).strip()
    return Ask(chat(text), Sampling(max_tokens=128))


def graded(text: str) -> float | None:
    """The last grade in a verdict."""
    found = re.findall(r"[Gg]rade:?\**:?\s*([1-5])", text)
    return float(found[-1]) if found else None


def main() -> None:
    """Load the model once; run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="prefix,pairs,checklist,token")
    given = parser.parse_args()
    host = Kept(Vllm(model=MODEL))
    try:
        timed(host, [Ask(chat("Say hello."), Sampling(max_tokens=4))])
        for name in given.only.split(","):
            token(host) if name == "token" else prefix(host, name)
    finally:
        host.end()


if __name__ == "__main__":
    main()
