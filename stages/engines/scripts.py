"""Scripts for the scripted engine. Each is a pure function of the request and its seed."""

import hashlib
import json
import math
import random
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from stages.ask import (
    Chat,
    Given,
    Passage,
    Rated,
    Raw,
    Reply,
    Request,
    Sample,
    Tool,
    ToolCall,
    UserTurn,
)

_DOES = (
    "sort", "explain", "compare", "plan", "summarise", "translate", "estimate", "draft", "check",
    "rewrite", "describe", "improve", "question", "teach", "illustrate", "defend",
)  # fmt: skip
_WHAT = (
    "a list of train times", "the water cycle", "two bicycles", "a week of meals",
    "a short story about rain", "a letter to a landlord", "the cost of a garden shed",
    "a study timetable", "a folk tale", "the rules of chess", "a bus network", "a photo album",
    "a proof about even numbers", "the history of paper", "a loan with interest",
    "a walk along the coast", "a recipe for soup", "an argument about zoos", "a map of the stars",
    "a speech for a wedding", "the causes of a flood", "a program that counts words",
    "the parts of a flower", "a poem about winter", "a contract for a flat", "the tides",
)  # fmt: skip
_HOW = (
    "for a beginner", "in plain words", "with one worked example", "step by step",
    "for a busy reader", "in under a hundred words", "with its main risks", "as a table",
    "without any jargon", "from two points of view", "with a drawing in text", "as a dialogue",
    "in three paragraphs", "with what could go wrong", "as a checklist", "for a curious child",
)  # fmt: skip
_WHO = (
    "a nurse", "a farmer", "a pilot", "a baker", "a judge", "a painter", "a student", "a miner",
    "a sailor", "a tailor", "a plumber", "a dancer", "a carpenter", "a chemist", "a gardener",
    "a librarian", "a waiter", "a goalkeeper", "a translator", "a beekeeper", "a surveyor",
    "a postman", "a violinist", "an architect", "an actor", "an editor", "an engineer",
)  # fmt: skip
_WHERE = (
    "Lima", "Oslo", "Nairobi", "Kyoto", "Quebec", "Hanoi", "Porto", "Tunis", "Perth", "Riga",
    "Bogota", "Galway", "Cairo", "Lagos", "Turin", "Malmo", "Accra", "Cusco", "Delhi", "Seoul",
    "Minsk", "Basel", "Dakar", "Leeds", "Osaka", "Patna", "Quito", "Split", "Tampa", "Utrecht",
)  # fmt: skip
"""16 x 26 x 16 x 27 x 30 instructions, 5.4 million: a million drawn rows repeat one in eleven."""
_WORDS = (
    "first", "the", "simple", "answer", "takes", "some", "care", "and", "a", "clear", "order",
    "because", "each", "part", "rests", "on", "earlier", "work", "then", "check", "result",
)  # fmt: skip
_DIMENSIONS = 64


def babble(request: Request) -> Reply:
    """Plausible nonsense in the right form.

    An instruction for an open user turn, a call of one of the tools until one has answered, an
    instance of the schema where one is asked for, digits with log-probabilities where these are,
    sentences otherwise.
    """
    prompt = request.ask.prompt
    if isinstance(prompt, Passage):
        return Reply(
            vector=_vector(prompt.text), model="scripted", prompt_tokens=_count(prompt.text)
        )
    if isinstance(prompt, Given):
        return Reply(model="scripted", prompt_tokens=_count(_text(request)), given=_given(prompt))
    if isinstance(prompt, Rated):
        said = _text(request)
        reward = random.Random(said).gauss(0.0, 1.0)
        return Reply(model="scripted", prompt_tokens=_count(said), reward=reward)
    count = request.ask.sampling.samples
    samples = tuple(_sample(request, number) for number in range(count))
    return Reply(
        samples=samples,
        model="scripted",
        prompt_tokens=_count(_text(request)),
        completion_tokens=sum(_count(sample.text) for sample in samples),
    )


def _sample(request: Request, number: int) -> Sample:
    draw = random.Random(f"{request.seed} {number} {_text(request)}")
    prompt, tools = request.ask.prompt, request.ask.tools
    if tools and isinstance(prompt, Chat) and prompt.messages[-1].role != "tool":
        return _tool_call(draw, draw.choice(tools))
    if request.ask.logprobs:
        return _verdict(draw, _text(request))
    if request.ask.schema:
        return Sample(json.dumps(_instance(request.ask.schema, draw)))
    if isinstance(request.ask.prompt, UserTurn | Raw):
        return Sample(_instruction(draw))
    length = draw.randint(12, 60)
    return Sample(" ".join(draw.choice(_WORDS) for _ in range(length)).capitalize() + ".")


def _instruction(draw: random.Random) -> str:
    task = f"{draw.choice(_DOES)} {draw.choice(_WHAT)} {draw.choice(_HOW)}"
    return f"Please {task}, for {draw.choice(_WHO)} in {draw.choice(_WHERE)}."


def _tool_call(draw: random.Random, tool: Tool) -> Sample:
    arguments = json.dumps(_instance(tool.parameters, draw))
    call = ToolCall(f"call-{draw.getrandbits(24):06x}", tool.name, arguments)
    return Sample("", "tool_calls", tool_calls=(call,))


_VERDICTS = re.compile(r"Reply with ((?:\w+, )*\w+ or \w+) alone")
_CODES = re.compile(r"\b([A-Z]{1,3}) for \w+")
_LETTERS = re.compile(r'letter="([A-Z])"')


def _verdict(draw: random.Random, text: str) -> Sample:
    """One of the words that the prompt offers, with the probability of each."""
    offered = _VERDICTS.search(text)
    if "The verdicts' codes:" in text:
        words = _CODES.findall(text.rpartition("The verdicts' codes:")[2])
    elif offered:
        words = re.findall(r"\w+", offered[1].replace(" or ", " "))
    else:
        words = _LETTERS.findall(text) or ["1", "2", "3", "4", "5", "no", "yes"]
    weights = {token: draw.random() for token in words}
    total = sum(weights.values())
    position = {token: math.log(weight / total) for token, weight in weights.items()}
    return Sample(max(position, key=lambda token: position[token]), logprobs=(position,))


def _instance(schema: Mapping[str, Any], draw: random.Random) -> Any:
    if "enum" in schema:
        return draw.choice(schema["enum"])
    match schema.get("type"):
        case "object":
            return {k: _instance(v, draw) for k, v in schema["properties"].items()}
        case "array":
            count = draw.randint(schema.get("minItems", 1), schema.get("maxItems", 3))
            return [_instance(schema["items"], draw) for _ in range(count)]
        case "integer":
            return draw.randint(schema.get("minimum", 1), schema.get("maximum", 5))
        case _:
            return _instruction(draw)[: schema.get("maxLength", 200)]


def _vector(text: str) -> tuple[float, ...]:
    """Hashed word counts: texts that share words lie close."""
    vector = [0.0] * _DIMENSIONS
    for word in re.findall(r"\w+", text.lower()) or [text]:
        digest = hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=4).digest()
        vector[int.from_bytes(digest) % _DIMENSIONS] += 1.0
    return tuple(vector)


def _given(prompt: Given) -> tuple[float, ...]:
    """A token is a word, and the likelier the more often it was there before."""
    before = Counter(word for message in prompt.messages for word in message.content.split())
    scores = []
    for word in prompt.text.split():
        scores.append(math.log((before[word] + 1) / (before.total() + len(_WORDS))))
        before[word] += 1
    return tuple(scores)


def _text(request: Request) -> str:
    prompt = request.ask.prompt
    if isinstance(prompt, Chat | Given | Rated):
        return "\n".join(message.content for message in prompt.messages)
    return str(prompt)


def _count(text: str) -> int:
    return len(text.split())
