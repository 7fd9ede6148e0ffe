"""Stages against their gold files: what they ask, how they read replies, how they decide rows.

A line of `<stage>.gold.jsonl` is {"case", "settings", "row"} and either "ask", the text or the
turn that must be asked (or the fate that spares the call), or "reply" with "fate" or "error"; of a
stage that asks nobody "fate" alone.
"""

import json
from pathlib import Path

import pytest

import prompts
from pipelines.recipe.lookup import class_in, known_stages
from stages.ask import Chat, Given, Passage, Rated, Raw, Reply, Sample, UserTurn
from stages.base import Derived, Dropped, Failed, Kept, PromptStage, RowStage, Stage
from stages.errors import ReplyError

FOLDER = Path(__file__).parent


def lines():
    for path in sorted(FOLDER.rglob("*.gold.jsonl")):
        stage = f"{path.parent.name}.{path.name.removesuffix('.gold.jsonl')}"
        for line in path.read_text(encoding="utf-8").splitlines():
            case = json.loads(line)
            yield pytest.param(stage, case, id=f"{stage}-{case['case']}")


@pytest.mark.parametrize(("path", "case"), list(lines()))
def test_gold(path, case, monkeypatch):
    stage = class_in(f"stages.{path}", Stage)(**case.get("settings", {}))
    row = {"id": "row0", "parents": [], **case["row"]}
    rendered, render = [], prompts.render
    monkeypatch.setattr(
        prompts, "render", lambda name, **given: rendered.append(name) or render(name, **given)
    )
    if "ask" in case:
        assert asked(stage.ask(row)) == case["ask"]
        assert set(rendered) <= set(stage.prompts), (
            "a template that is rendered is not in `prompts`"
        )
    elif isinstance(stage, RowStage):
        assert said(stage.decide(row)) == approximately(case["fate"])
    elif "error" in case:
        with pytest.raises(ReplyError, match=case["error"]):
            stage.read(row, reply(case["reply"]))
    else:
        assert said(stage.read(row, reply(case["reply"]))) == approximately(case["fate"])


def test_every_prompt_stage_has_a_gold_file():
    prompt_stages = {
        p for p in known_stages() if issubclass(class_in(f"stages.{p}", Stage), PromptStage)
    }
    covered = {case.values[0] for case in lines()}
    assert covered >= prompt_stages


def asked(ask):
    if isinstance(ask, Kept | Dropped | Failed):
        return said(ask)
    match ask.prompt:
        case Chat(messages):
            return [[m.role, m.content] for m in messages]
        case Raw(text):
            return {"raw": text, "stop": list(ask.sampling.stop)}
        case UserTurn(system):
            return {"user_turn": system, "stop": list(ask.sampling.stop)}
        case Passage(text):
            return {"passage": text}
        case Given(messages, text):
            return {"given": text, "after": [[m.role, m.content] for m in messages]}
        case Rated(messages):
            return {"rated": [[m.role, m.content] for m in messages]}
    raise AssertionError(ask)


def reply(given):
    if "vector" in given:
        return Reply(vector=tuple(given["vector"]))
    if "given" in given:
        return Reply(given=tuple(given["given"]))
    if "reward" in given:
        return Reply(reward=given["reward"], model="gold")
    texts = given["text"] if isinstance(given["text"], list) else [given["text"]]
    logprobs = tuple(given.get("logprobs", ()))
    finish, thought = given.get("finish_reason", "stop"), given.get("reasoning", "")
    samples = [Sample(text, finish, logprobs, thought) for text in texts]
    return Reply(samples=tuple(samples), model="gold")


def said(fate):
    match fate:
        case Kept(columns):
            return {"kept": dict(columns)}
        case Derived(rows):
            return {"derived": [dict(row) for row in rows]}
        case Dropped(reason) | Failed(reason):
            return {type(fate).__name__.lower(): reason}


def approximately(fate):
    if "kept" not in fate:
        return fate
    columns = fate["kept"]
    numbers = {k: pytest.approx(v, abs=1e-6) for k, v in columns.items() if isinstance(v, float)}
    lists = {
        k: pytest.approx(v, abs=1e-6)
        for k, v in columns.items()
        if isinstance(v, list) and v and isinstance(v[0], float)
    }
    return {"kept": columns | numbers | lists}
