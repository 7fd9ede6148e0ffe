import json
from dataclasses import replace

import jsonschema
import pytest

from stages.annotate.tags import Tags
from stages.ask import Ask, Chat, Message, Passage, Request, Sampling, Tool, UserTurn, chat
from stages.engines.scripted import Scripted
from stages.engines.scripts import babble
from stages.errors import UserError


def test_the_same_request_gets_the_same_reply():
    request = Request(0, Ask(UserTurn()), seed=5)
    assert babble(request) == babble(request)
    assert babble(request) != babble(Request(0, Ask(UserTurn()), seed=6))


def test_replies_follow_the_schema():
    ask = Tags().ask({"instruction": "Name three rivers."})
    for seed in range(30):
        jsonschema.validate(json.loads(babble(Request(0, ask, seed)).text), ask.schema)


def test_a_tool_is_called_until_it_has_answered():
    schema = {"type": "object", "properties": {"q": {"type": "string"}}}
    ask = Ask(chat("How long is the Nile?"), tools=(Tool("search", "Find passages.", schema),))
    (call,) = babble(Request(0, ask, 1)).sample.tool_calls
    assert call.name == "search"
    jsonschema.validate(json.loads(call.arguments), schema)
    turns = (*ask.prompt.messages, Message("tool", "6,650 km", tool_call_id=call.id))
    assert babble(Request(0, replace(ask, prompt=Chat(turns)), 1)).text


def test_samples_differ():
    reply = babble(Request(0, Ask(chat("x"), Sampling(samples=4)), 1))
    assert len({sample.text for sample in reply.samples}) == 4


def test_texts_that_share_words_lie_close():
    def cosine(a, b):
        x, y = (babble(Request(0, Ask(Passage(t)), 0)).vector for t in (a, b))
        dot = sum(p * q for p, q in zip(x, y, strict=True))
        return dot / (sum(p * p for p in x) * sum(q * q for q in y)) ** 0.5

    assert cosine("name three rivers", "name three lakes") > 0.6
    assert cosine("name three rivers", "sort a list") < 0.4


@pytest.mark.parametrize("script", ["nothing", "no.module:f", "stages.engines.scripts:nothing"])
def test_no_such_script(script):
    with pytest.raises(UserError, match="there is no script"):
        Scripted(script=script).check()
