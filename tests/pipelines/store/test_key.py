"""The name of an answer: what was recorded by earlier versions is found again."""

from dataclasses import replace

import pytest

from pipelines.store.log.journal import key
from stages.ask import (
    Ask,
    Chat,
    Message,
    Passage,
    Raw,
    Request,
    Sampling,
    Tool,
    ToolCall,
    UserTurn,
    chat,
)

ENGINE = {"kind": "vllm", "model": "m", "revision": None, "a": 1}


@pytest.mark.parametrize(
    ("ask", "seed", "name"),
    [  # of 0.1.0
        (
            Ask(Chat((Message("user", 'hé"x'),)), Sampling(0.5, stop=("a",))),
            7,
            "4fd2a9857db6ffe15899d367e9763432",
        ),
        (
            Ask(UserTurn("sys"), Sampling(0.5, stop_ids=(3, 4))),
            8,
            "270cdfd862a26234b7c0564f99755c5e",
        ),
        (Ask(UserTurn()), 8, "007d4964e29179ba788e6f249396983f"),
        (Ask(Raw("x"), logprobs=5), 9, "27ce2202dc34f823f7066e3a9108b8ef"),
        (
            Ask(chat("x"), schema={"type": "object", "b": 1, "a": {"z": 1, "y": 2}}),
            9,
            "8fce0496d3db0bea1ca44890b5363f21",
        ),
        (Ask(Passage("x")), 9, "633992fc855e8efa7830811eb00f862c"),
    ],
)  # fmt: skip
def test_names_last(ask, seed, name):
    assert key(ENGINE, Request(0, ask, seed)).hex() == name


def test_everything_that_is_asked_counts():
    turns = (Message("user", "a"), Message("assistant", "b"))
    plain = Ask(UserTurn())
    called = Message("assistant", "", (ToolCall("c", "search", "{}"),))
    asks = [
        plain,
        replace(plain, tools=(Tool("search", "Find.", {}),)),
        *(
            replace(plain, prompt=Chat((turn,)))
            for turn in (called, Message("assistant", ""), Message("tool", "", (), "c"))
        ),
        replace(plain, prompt=UserTurn(messages=turns)),
        *(
            replace(plain, sampling=replace(Sampling(), **{name: value}))
            for name, value in {
                "stop_ids": (1,),
                "presence_penalty": 0.5,
                "repetition_penalty": 1.1,
                "logit_bias": ((5, -1.0),),
            }.items()
        ),
    ]
    assert len({key(ENGINE, Request(0, ask, 1)) for ask in asks}) == len(asks)
