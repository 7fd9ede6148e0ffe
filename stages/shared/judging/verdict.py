"""A judge's verdict: one of a few words, and the three ways to have it.

`logprobs`   one token is sampled and never read: the words' probabilities are the verdict
`token`      the word alone, held by a grammar, for engines without log-probabilities
`rationale`  reasons first, then the word, in a JSON object held by a grammar

Every judge has all three, and says in its columns which it did. An expected value over
probabilities (G-Eval, arXiv:2303.16634) has no ties; the other two give whole words.
"""

import hashlib
import itertools
import json
import random
import re
import string
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import pyarrow as pa
from pydantic import BaseModel, Field

import prompts
from stages.ask import Ask, Capability, Reply, Sampling, chat
from stages.base import Columns, Row
from stages.errors import ReplyError
from stages.shared.judging.material import Shown, flat, shown
from stages.shared.judging.token_probabilities import TOP, token_probabilities
from stages.shared.replies import parse_object, reading

VERDICT_COLUMNS: Columns = {
    "mass": pa.float64(),
    "model": pa.string(),
    "by": pa.string(),
    "prompt": pa.string(),
    "reply": pa.string(),
    "rationale": pa.string(),
}
"""What is kept of every verdict. `mass`: how much of the model's belief was on the words, null
without log-probabilities; `prompt`: the start of a hash of what the judge was told, row aside."""


@dataclass(frozen=True, slots=True)
class Question:
    """`words`: what a judge may say. `texts`: a row's; `told`: the recipe's.

    The template holds `reply_with`, once, before the row's texts, and ends with `cue`.
    """

    template: str
    words: Sequence[str]
    texts: Shown
    told: Row


@dataclass(frozen=True, slots=True)
class Verdict:
    """`probabilities`: of the words, their sum is 1. `facts`: `VERDICT_COLUMNS`."""

    probabilities: Mapping[str, float]
    facts: Row

    def expected(self, values: Mapping[str, float]) -> float:
        """The mean of the words' values."""
        return sum(values[word] * p for word, p in self.probabilities.items())


class Ways(BaseModel):
    """How a verdict is had."""

    verdict: Literal["logprobs", "token", "rationale"] = "logprobs"
    """How the verdict is had: `logprobs`, `token` or `rationale`."""
    min_mass: float = Field(0.2, gt=0, le=1)
    """With logprobs: below this share of probability on its words a reply is unreadable."""
    max_tokens: int = Field(400, gt=0)
    """Of a reply with a rationale."""

    @property
    def requires(self) -> frozenset[Capability]:
        """What the engines must be able to do."""
        return frozenset({"chat", "logprobs" if self.verdict == "logprobs" else "schema"})

    @property
    def most_tokens(self) -> int:
        """Tokens that one call may write at most."""
        return {"logprobs": 1, "token": 16, "rationale": self.max_tokens}[self.verdict]


class VerdictSettings(Ways):
    """The settings of a judge whose verdict is a word, and how it asks and reads."""

    coded: bool = False
    """Whether the verdict is written by a letter that is drawn for it and stands alone in none of
    the row's texts: no text can then name the verdict that it wants. One that describes it ("the
    code listed for 5") still can sway a judge that obeys. Weak judges get weaker by it."""

    def ask_about(self, question: Question, engine: str = "") -> Ask:
        """Ask for one of the question's words."""
        codes = self._codes(question)
        form = _form(self.verdict, question.words, codes if self.coded else {})
        values = {**shown(question.texts), **question.told, **form}
        text = prompts.render(question.template, **values)
        sampling = Sampling(max_tokens=self.most_tokens)
        if self.verdict == "logprobs":
            return Ask(chat(text), sampling, logprobs=TOP, engine=engine)
        schema = _schema(list(codes.values()), reasons=self.verdict == "rationale")
        return Ask(chat(text), sampling, schema=schema, engine=engine)

    def read_about(self, question: Question, reply: Reply) -> Verdict:
        """The verdict in `reply`.

        Raises:
            ReplyError: it says none of the question's words.
        """
        codes = self._codes(question)
        said = {code.lower(): word for word, code in codes.items()}
        rationale, mass = None, None
        if self.verdict == "logprobs":
            found, mass = _believed(reply, tuple(said), self.min_mass)
        else:
            found, rationale = _written(reply, tuple(said), reasons=self.verdict == "rationale")
        parts = [prompts.text(question.template), dict(question.told), list(question.words)]
        told = json.dumps([*parts, self.verdict, self.coded], sort_keys=True)
        hashed = hashlib.sha256(told.encode()).hexdigest()[:12]
        facts = (mass, reply.model, self.verdict, hashed, reply.text, rationale)
        words = {said[code]: p for code, p in found.items()}
        return Verdict(words, dict(zip(VERDICT_COLUMNS, facts, strict=True)))

    def read_all(self, questions: Sequence[Question], replies: Sequence[Reply]) -> list[Verdict]:
        """The verdict of each of several calls about a row. Raises as `read_about` does."""
        verdicts = []
        for call, (question, reply) in enumerate(zip(questions, replies, strict=True)):
            with reading(call):
                verdicts.append(self.read_about(question, reply))
        return verdicts

    def _codes(self, question: Question) -> dict[str, str]:
        """What is written for each word: a letter that no text holds as a word, or itself."""
        if not self.coded:
            return {word: word for word in question.words}
        texts = [text for given in question.texts.values() for text in flat(given)]
        # As tokenizers may read them: full-width letters, the Kelvin sign, letters within a script
        # that has no spaces.
        plain = unicodedata.normalize("NFKC", " ".join(texts)).upper()
        held = set(re.findall(r"[A-Z]+", plain))
        draw = random.Random("\0".join(texts))
        codes: list[str] = []
        # A text that holds every letter as a word gets pairs of letters, and so on.
        for length in itertools.count(1):
            free = [code for code in _letters(length) if code not in held]
            if len(free) >= len(question.words):
                codes = draw.sample(free, len(question.words))
                break
        return dict(zip(question.words, codes, strict=True))


@cache
def _letters(length: int) -> tuple[str, ...]:
    """All codes of so many letters."""
    return tuple(map("".join, itertools.product(string.ascii_uppercase, repeat=length)))


def _believed(
    reply: Reply, words: Sequence[str], least: float
) -> tuple[dict[str, float], float | None]:
    found = token_probabilities(reply, words)
    mass = sum(found.values())
    if mass < least:
        raise ReplyError(f"only {mass:.3f} of the probability is on {_listed(words)}")
    return {word: p / mass for word, p in found.items()}, min(mass, 1.0)


def _written(
    reply: Reply, words: Sequence[str], *, reasons: bool
) -> tuple[dict[str, float], str | None]:
    said = parse_object(reply.text)
    word, rationale = said.get("verdict"), said.get("reasons")
    if not isinstance(word, str) or not word.isascii() or word.lower() not in words:
        raise ReplyError(f"'verdict' is {word!r}"[:200])
    if not isinstance(rationale, str) or not rationale.strip():
        if reasons:
            raise ReplyError(f"'reasons' is {rationale!r}"[:200])
        rationale = None
    return {each: float(each == word.lower()) for each in words}, rationale


def _form(verdict: str, words: Sequence[str], codes: Mapping[str, str]) -> dict[str, str]:
    """`reply_with` and `cue`. Codes are a row's own: they come last, where no prefix ends."""
    named = "the verdict's code" if codes else _listed(words)
    listed = "; ".join(f"{code} for {word}" for word, code in codes.items())
    end = f"The verdicts' codes: {listed}.\n\n" if codes else ""
    if verdict == "logprobs":
        return {"reply_with": f"Reply with {named} alone.", "cue": f"{end}The verdict:"}
    quoted = _listed([f'"{word}"' for word in words])
    said = f'"verdict": {named if codes else quoted}'
    if verdict == "token":
        return {"reply_with": f"Reply with one JSON object: {{{said}}}.", "cue": f"{end}The JSON:"}
    first = "Weigh it in at most 60 words before you decide."
    reasons = f'Reply with one JSON object: {{"reasons": "…", {said}}}.'
    return {"reply_with": f"{first} {reasons}", "cue": f"{end}The JSON:"}


def _schema(words: Sequence[str], *, reasons: bool) -> Mapping[str, object]:
    properties: dict[str, object] = {"verdict": {"enum": list(words)}}
    if reasons:
        properties = {"reasons": {"type": "string", "minLength": 1}, **properties}
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _listed(words: Sequence[str]) -> str:
    """As in: 1, 2 or 3."""
    return f"{', '.join(words[:-1])} or {words[-1]}"
