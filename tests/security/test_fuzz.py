"""Malformed recipes, rows and replies: one cause with its place, never a traceback."""

import copy
import json
import math
import os
import random
import time
from pathlib import Path

import pytest
import yaml

from pipelines.plan.plan import plan
from pipelines.recipe.lookup import class_in, known_stages
from pipelines.recipe.parse import parse
from stages.ask import Reply, Sample
from stages.base import Derived, Dropped, Failed, Kept, Stage
from stages.errors import ReplyError, UserError
from stages.source.instructions import Instructions

ROOT = Path(__file__).parents[2]
TIMES = int(os.environ.get("FUZZ_TIMES", "1"))
JUNK = [
    None, True, False, 0, -1, 1, 2**31, 2**63, 10**400, 1e308, math.inf, -math.inf, math.nan, 0.5, "",
    " ", "x", "None", "0", "{{ x }}", "../..", "\x00", "\ud800", "🦜" * 100, "a" * 100_000, [], {}, [[]],
    [None], {"": None}, {"use": "x"}, {1: 2}, {None: 1}, ["a", 1, {}], {"kind": "vllm"}, b"x", (1, 2),
    {"a": {"a": {"a": {"a": {}}}}}, "judge.quality", "generate", "...", "stages.base", "1e999", "-", "~",
]  # fmt: skip


def places(node, at=()):
    """Paths of all that stands in a recipe."""
    yield at
    inner = (
        node.items()
        if isinstance(node, dict)
        else enumerate(node)
        if isinstance(node, list)
        else ()
    )
    for key, value in inner:
        yield from places(value, (*at, key))


def mutated(source, draw):
    """A copy with one thing wrong, and where."""
    changed = copy.deepcopy(source)
    at = draw.choice([place for place in places(changed) if place])
    node = changed
    for key in at[:-1]:
        node = node[key]
    match draw.randrange(6):
        case 0:
            del node[at[-1]]
        case 1 if isinstance(node, dict):
            node[_misspelt(str(at[-1]), draw)] = node.pop(at[-1])
        case 2 if isinstance(node, dict):
            node[draw.choice(["x", "", "api_key", "__class__", "model_config", 3, None])] = 1
        case 3 if isinstance(node, list):
            node.insert(draw.randrange(len(node) + 1), draw.choice(JUNK))
        case 4 if isinstance(node, list) and len(node) > 1:
            draw.shuffle(node)
        case _:
            node[at[-1]] = copy.deepcopy(draw.choice(JUNK))
    return changed, at


def _misspelt(word, draw):
    i = draw.randrange(max(1, len(word)))
    return draw.choice([word[:i] + word[i + 1 :], word + "s", word.upper(), word[::-1]])


def test_recipes():
    draw = random.Random(7)
    sources = [yaml.safe_load(p.read_text()) for p in sorted((ROOT / "configs").glob("*.yaml"))]
    sources = [source for source in sources if "stages" in source]
    names = {s["as"] for source in sources for s in source["stages"] if "as" in s}
    refused = 0
    known_stages()  # what a wrong name is held against: imported once
    for _ in range(10_000 * TIMES):
        source, at = mutated(draw.choice(sources), draw)
        if draw.random() < 0.2:
            source, at = mutated(source, draw)
        began = time.thread_time()
        try:
            plan(parse(source, ROOT / "configs"))
        except UserError as error:
            refused += 1
            assert "\n" not in error.cause, error.cause
            assert "Traceback" not in error.cause
            assert len(error.cause) < 2000, error.cause[:300]
            assert named(error, names), (at, error)
        assert time.thread_time() - began < 1, at
    # Vacuity: most of what was changed is wrong, not all of it.
    assert 0.4 < refused / (10_000 * TIMES) < 0.95


def named(error, names):
    """Whether the cause says where: a key in quotes, a stage or engine, or a column and its step."""
    marks = ("'", "engines.", "stages[", "placement", "limits", "recipe", "_")
    return any(mark in error.cause for mark in (*marks, *names))


def broken_line(draw):
    line = json.dumps({"instruction": "Say aloud.", "n": 1, "tags": ["a", {"b": None}]})
    for _ in range(draw.randint(0, 3)):
        i = draw.randrange(len(line))
        piece = draw.choice(['"', "{", "}", "[", ",", ":", "\\", "\\u", "\\ud800", "\x00", "NaN", "1e999",
                             "\n", "null", "\ufeff", "[" * 50, "9" * 5000, "\u2028", "é"])  # fmt: skip
        line = line[:i] + piece + line[i + draw.randint(0, 3) :]
    return line


def test_rows(tmp_path):
    draw = random.Random(8)
    path = tmp_path / "rows.jsonl"
    refused = 0
    for _ in range(20_000 * TIMES):
        content = broken_line(draw).encode("utf-8", "surrogatepass")
        if draw.random() < 0.1:
            content = content[: draw.randrange(len(content))] + b"\xff" + content
        path.write_bytes(content + b"\n")
        try:
            rows = Instructions(path=str(path)).initial_rows()
            assert all(row["instruction"].encode() for row in rows)
        except UserError as error:
            refused += 1
            assert str(path) in error.cause
            assert "\n" not in error.cause
    assert 0.2 < refused / (20_000 * TIMES) < 0.95


def gold():
    for path in sorted((ROOT / "tests/stages").rglob("*.gold.jsonl")):
        name = f"{path.parent.name}.{path.name.removesuffix('.gold.jsonl')}"
        for line in path.read_text(encoding="utf-8").splitlines():
            case = json.loads(line)
            if "text" in case.get("reply", {}):
                stage = class_in(f"stages.{name}", Stage)(**case.get("settings", {}))
                yield stage, {"id": "row0", "parents": [], **case["row"]}, case["reply"]


PIECES = ["{", "}", "[", "]", '"', ":", ",", "null", "true", "NaN", "-1", "5", "1e999", "9" * 400, "score",
          "reason", '{"a": ', "```json", "```", "<|im_end|>", "\x00", "\ud800", "\\u0000", "\\ud83d", "\n",
          "yes", "no", "A", "B", "##", "Final", "[[5]]", "Rating: ", "🦜", " ", "[" * 200, "{{ x }}"]  # fmt: skip


def broken_reply(given, draw):
    texts = given["text"] if isinstance(given["text"], list) else [given["text"]]
    out = []
    for original in texts[: draw.randint(0, 3)] or texts:
        text = original
        match draw.randrange(3):
            case 0:
                text = "".join(draw.choices(PIECES, k=draw.randint(0, 12)))
            case 1:
                i = draw.randrange(len(text) + 1)
                text = text[:i] + draw.choice(PIECES) + text[i + draw.randint(0, 5) :]
            case _:
                text = text[: draw.randrange(len(text) + 1)]
        numbers = [0.0, -0.1, -9999.0, -math.inf, math.inf, math.nan, 5.0, 1e308]
        places = [dict(place) for place in given.get("logprobs", ())]
        if draw.random() < 0.5:
            places = [{draw.choice(PIECES): draw.choice(numbers) for _ in range(draw.randint(0, 5))}
                      for _ in range(draw.randint(0, 3))]  # fmt: skip
        out.append(Sample(text, draw.choice(["stop", "length", "", "x"]), tuple(places)))
    return Reply(samples=tuple(out[: draw.choice([len(out), len(out), 0])]), model="m")


def unreadable(cases, times):
    """How many of so many broken replies are called unreadable; all others are read."""
    draw = random.Random(9)
    found = 0
    for _ in range(times):
        stage, row, given = draw.choice(cases)
        reply = broken_reply(given, draw)
        try:
            fate = stage.read(row, reply)
            assert isinstance(fate, Kept | Derived | Dropped | Failed)
        except ReplyError as error:
            found += 1
            assert str(error)
        except Exception as error:
            raise AssertionError(f"{stage!r}\n{reply!r}") from error
    return found


def test_replies():
    times = 100_000 * TIMES
    assert 0.05 < unreadable(list(gold()), times) / times < 0.9


def test_the_fuzz_sees_a_parser_that_breaks():
    class Naive:
        def read(self, _row, reply):
            return Kept({"value": json.loads(reply.text)["score"]})

    with pytest.raises(AssertionError, match="Naive"):
        unreadable([(Naive(), {}, {"text": '{"score": 5}'})], 1000)
