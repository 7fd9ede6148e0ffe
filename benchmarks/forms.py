"""What it costs to hold replies to a JSON schema (P6), with the packaged model in vLLM.

    python -m benchmarks.forms

Tokens per second of 64 sequences of 96 tokens, held to the schema over left free; and rows per
second that have the form, where the prompt tells it too. Once with the whole schema, once as
`generate.structured` has it: without the lengths of strings, which are checked afterwards. Arms
take turns, A B C C B A.
"""

import argparse
import json
from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.kept import MODEL, Kept
from benchmarks.turns import apart, in_turn, timed
from stages.ask import Ask, Reply, Sampling, chat
from stages.engines.vllm import Vllm
from stages.errors import ReplyError
from stages.generate.structured import Structured
from stages.shared.checks.constraints import without_lengths

Schema = Mapping[str, Any]
LONG: Schema = {"type": "array", "items": {"type": "string", "maxLength": 12}, "minItems": 60}
SCHEMA: Schema = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 40},
        "year": {"type": "integer"},
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 20}, "minItems": 3,
                 "maxItems": 5},
        "good": {"type": "boolean"},
    },
    "required": ["name", "year", "tags", "good"],
    "additionalProperties": False,
}  # fmt: skip

FORMS: Mapping[str, Callable[[Schema], Schema | None]] = {
    "held to the whole schema": dict,
    "held to all but the lengths": without_lengths,
    "left free": lambda _: None,
}


def held_and_free(host: Kept) -> None:
    """P6."""
    words = "List 60 words that have to do with city {} of a made-up land, as a JSON array."
    told = "Describe city {} of a made-up land. Answer with one JSON object only, by this schema: "
    speeds = in_turn(*(speed(host, words, form(LONG)) for form in FORMS.values()))
    fits = in_turn(*(fitting(host, told + json.dumps(SCHEMA), form(SCHEMA))
                     for form in FORMS.values()))  # fmt: skip
    for name, rate, rows in zip(FORMS, speeds, fits, strict=True):
        print(f"P6 {name}: {rate:.1f} tok/s, {rate / speeds[-1]:.2f} of left free (goal 0.90); "
              f"{rows:.2f} rows/s that fit")  # fmt: skip


def sent(text: str, form: Schema | None, tokens: int, number: int) -> list[Ask]:
    """64 requests, `{}` standing for each one's number."""
    sampling = Sampling(temperature=0.7, max_tokens=tokens)
    asked = (Ask(chat(text.replace("{}", str(n))), sampling, form) for n in range(64))
    return [apart(ask, number) for ask in asked]


def speed(host: Kept, text: str, form: Schema | None) -> Callable[[int], float]:
    """Tokens per second of 64 sequences of 96 tokens."""

    def run(number: int) -> float:
        took, replies = timed(host, sent(text, form, 96, number))
        return sum(reply.completion_tokens for reply in replies) / took

    return run


def fitting(host: Kept, text: str, form: Schema | None) -> Callable[[int], float]:
    """Rows per second that `generate.structured` would take."""
    stage = Structured(json_schema=SCHEMA)

    def run(number: int) -> float:
        took, replies = timed(host, sent(text, form, 96, number))
        return sum(is_fit(stage, reply) for reply in replies) / took

    return run


def is_fit(stage: Structured, reply: Reply) -> bool:
    """Whether the stage would take it."""
    row: dict[str, Any] = {"instruction": ""}
    try:
        stage.read(row, reply)
    except ReplyError:
        return False
    return True


def main() -> None:
    """Load the model; run all arms."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    host = Kept(Vllm(model=MODEL))
    try:
        held_and_free(host)
    finally:
        host.end()


if __name__ == "__main__":
    main()
