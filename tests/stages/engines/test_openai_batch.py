"""OpenAI's batch API against a loopback server that implements it, with its troubles."""

import asyncio

import pytest

from stages.ask import Ask, Passage, Request, Sampling, chat
from stages.engines.openai_batch import OpenaiBatch
from stages.errors import EngineError
from tests.support.batch_server import batches
from tests.support.fault_server import weather


def ask_all(url, asked, stop_after=None, **settings):
    async def go():
        spec = OpenaiBatch(model="m", base_url=url, poll_s=0.02, **settings)
        engine = spec.open()
        requests = [Request(i, ask, seed=i) for i, ask in enumerate(asked)]
        try:
            answers = engine.complete(requests)
            async with asyncio.timeout(stop_after):
                return {answer.index: answer.outcome async for answer in answers}
        except TimeoutError:
            return None
        finally:
            await engine.close()

    return asyncio.run(go())


ASKED = [Ask(chat(f"row {i}"), Sampling(samples=1 + i % 2)) for i in range(40)]


def are_answered(outcomes, but=()):
    assert set(outcomes) == set(range(40))
    for i, outcome in outcomes.items():
        if i not in but:
            assert [s.text for s in outcome.samples] == [f"re: row {i}"] * (1 + i % 2)


def test_a_batch():
    with batches() as (url, counted):
        are_answered(ask_all(url, ASKED))
    assert len(counted.batches) == 1
    assert sorted(counted.asked) == sorted(f"row {i}" for i in range(40))


@pytest.mark.parametrize("trouble", ["lossy", "some_fail", "torn", "expires", "polls_fail"])
def test_what_a_batch_does_not_answer_goes_into_another(trouble):
    with batches(troubles=[trouble, *(["lossy"] if trouble == "expires" else [])]) as (
        url,
        counted,
    ):
        are_answered(ask_all(url, ASKED))
    again = len(counted.asked) - 40
    assert (again == 0) == (trouble == "polls_fail")
    assert again <= 25


def test_what_is_refused_is_not_asked_again():
    with batches(troubles=["some_refused"]) as (url, counted):
        outcomes = ask_all(url, ASKED)
    refused = [i for i, o in outcomes.items() if isinstance(o, EngineError)]
    assert refused == list(range(0, 40, 7))
    assert "HTTP 400 in the batch" in str(outcomes[0])
    are_answered(outcomes, refused)
    assert len(counted.asked) == 40


def test_a_killed_run_finds_its_batch_again():
    with batches(polls=30) as (url, counted):
        assert ask_all(url, ASKED, stop_after=0.2) is None
        assert len(counted.batches) == 1
        are_answered(ask_all(url, ASKED))
    assert len(counted.batches) == 1


def test_a_lost_answer_to_the_creation_costs_nothing():
    with batches(troubles=["answer_lost"]) as (url, counted):
        are_answered(ask_all(url, ASKED))
    assert len(counted.batches) == 1


def test_what_the_protocol_cannot_ask_fails_alone():
    with batches() as (url, _):
        outcomes = ask_all(url, [ASKED[0], Ask(Passage("x"))])
    assert outcomes[0].text == "re: row 0"
    assert isinstance(outcomes[1], EngineError)


def test_a_server_without_a_batch_api():
    with weather() as url:  # it answers GET /v1/models and POST /v1/chat/completions alone
        with pytest.raises(EngineError, match="HTTP 404"):
            ask_all(url, ASKED[:2], max_retries=0)
        with pytest.raises(EngineError, match="has no id and status"):
            ask_all(f"{url.removesuffix('v1')}odd", ASKED[:2], max_retries=0)
