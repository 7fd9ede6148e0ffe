"""OpenAI's batch API: requests as a file, answers within a day, at half the price.

A shard is a batch. It carries a
digest of its requests, and a run that was killed while it was under way finds it again by that
instead of paying for another.
"""

import asyncio
import functools
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal, TypeVar

import aiohttp
from pydantic import Field
from typing_extensions import override

from stages.ask import Capability, Reply, Request
from stages.engines.base import Answer, Engine, EngineSpec
from stages.engines.http import http_call, openai_messages
from stages.engines.http.http_call import Endpoint, RetryableError, read_json
from stages.engines.http.keys import Keyed
from stages.engines.http.replies import NoReplyError
from stages.errors import EngineError

Result = TypeVar("Result")
_MARK = "bowerbird"
_LARGEST = 1 << 30
_PAGES = 10
_BATCH = ("id", "status")
_ENDED = {"completed", "failed", "expired", "cancelled"}


class OpenaiBatch(Keyed, EngineSpec):
    """`base_url` ends before `/batches`, usually in `/v1`."""

    provides: ClassVar[frozenset[Capability]] = frozenset(
        {"chat", "raw", "schema", "logprobs", "samples", "tools"}
    )

    kind: Literal["openai_batch"] = "openai_batch"
    base_url: str = "https://api.openai.com/v1"
    answers_as: str | None = None
    """The model's name in the answers, where it is another than `model`."""
    window: str = "24h"
    """Until when the provider promises to be done."""
    poll_s: float = Field(30.0, gt=0)
    timeout_s: float = Field(600.0, gt=0)
    """Of one HTTP call, not of the batch."""
    max_retries: int = Field(5, ge=0)
    """Of one HTTP call."""
    max_rounds: int = Field(3, gt=0)
    """Batches that a request may be in: those that the provider did not answer go into another."""

    @property
    def capacity(self) -> int:
        """No end to it; so large that a shard, which is a batch, is large too."""
        return 1_000_000

    @override
    def check(self) -> None:
        self.api_key()

    @override
    def open(self) -> Engine:
        return OpenaiBatchEngine(self)


class OpenaiBatchEngine:
    """A client with its own connections. Lives on one event loop."""

    def __init__(self, spec: OpenaiBatch) -> None:
        self._spec = spec
        self._endpoint = Endpoint(spec.base_url, spec.headers(), spec.timeout_s, spec.api_key())

    async def complete(self, requests: Sequence[Request]) -> AsyncIterator[Answer]:
        """See `Engine`."""
        left: dict[int, Request] = {}
        for request in requests:
            try:
                openai_messages.call(request, self._spec.model)
                left[request.index] = request
            except EngineError as error:
                yield Answer(request.index, error)
        for number in range(self._spec.max_rounds):
            last = number == self._spec.max_rounds - 1
            for answer in await self._round(list(left.values()), number):
                outcome = answer.outcome
                if last or not (isinstance(outcome, EngineError) and outcome.retryable):
                    del left[answer.index]
                    yield Answer(answer.index, self._unquoted(outcome))
            if not left:
                return

    def _unquoted(self, outcome: Reply | EngineError) -> Reply | EngineError:
        return outcome if isinstance(outcome, Reply) else self._said(outcome)

    def _said(self, error: EngineError) -> EngineError:
        """The same without the key, should the server quote it."""
        said = self._endpoint.unquoted(str(error))
        return EngineError(said, retryable=error.retryable, fatal=error.fatal)

    async def _round(self, requests: Sequence[Request], number: int) -> list[Answer]:
        """One batch per path, side by side."""
        by_path: dict[str, list[Request]] = {}
        for request in requests:
            path, _ = openai_messages.call(request, self._spec.model)
            by_path.setdefault(path, []).append(request)
        batches = (self._batch(path, there, number) for path, there in by_path.items())
        return [answer for answers in await asyncio.gather(*batches) for answer in answers]

    async def _batch(self, path: str, requests: Sequence[Request], number: int) -> list[Answer]:
        lines = b"".join(map(self._line, requests))
        digest = hashlib.sha256(b"%d %s" % (number, lines)).hexdigest()

        async def sent() -> dict[str, Any]:
            # Looked for before every attempt: the answer to the one before may have been lost.
            return await self._under_way(digest) or await self._create(path, lines, digest)

        batch = await self._insist(sent)
        while batch["status"] not in _ENDED:
            await asyncio.sleep(self._spec.poll_s)
            batch = await self._insist(
                functools.partial(self._get, f"batches/{batch['id']}", *_BATCH)
            )
        found: dict[int, Reply | EngineError] = {}
        asked = {str(request.index): request for request in requests}
        for name in ("output_file_id", "error_file_id"):
            if batch.get(name):
                path = f"files/{batch[name]}/content"
                content = await self._insist(functools.partial(self._send, "GET", path))
                found = self._read(content.splitlines(), asked) | found
        why = EngineError(f"the batch is {batch['status']} without an answer to it", retryable=True)
        return [Answer(request.index, found.get(request.index, why)) for request in requests]

    def _line(self, request: Request) -> bytes:
        path, body = openai_messages.call(request, self._spec.model)
        line = {"custom_id": str(request.index), "method": "POST", "url": f"/v1/{path}"}
        return json.dumps({**line, "body": body}).encode() + b"\n"

    async def _under_way(self, digest: str) -> dict[str, Any] | None:
        """The batch of the same requests that an earlier run has sent, if it is of use."""
        after: dict[str, str] = {}
        for _ in range(_PAGES):
            page = await self._get("batches", "data", limit="100", **after)
            for batch in filter(_is_batch, page["data"]):
                if (batch.get("metadata") or {}).get(_MARK) == digest and _is_of_use(batch):
                    return dict(batch)
            if not page.get("has_more") or not page["data"]:
                break
            after = {"after": page["data"][-1]["id"]}
        return None

    async def _create(self, path: str, lines: bytes, digest: str) -> dict[str, Any]:
        form = aiohttp.FormData({"purpose": "batch"})
        form.add_field("file", lines, filename="requests.jsonl")
        uploaded = _object(await self._send("POST", "files", data=form), "id")
        body = {
            "input_file_id": uploaded["id"],
            "endpoint": f"/v1/{path}",
            "completion_window": self._spec.window,
            "metadata": {_MARK: digest},
        }
        return _object(await self._send("POST", "batches", json=body), *_BATCH)

    async def _get(self, path: str, *needed: str, **params: str) -> dict[str, Any]:
        return _object(await self._send("GET", path, params=params), *needed)

    async def _send(self, method: str, path: str, **content: Any) -> bytes:
        return await self._endpoint.send(method, path, _LARGEST, **content)

    async def _insist(self, call: Callable[[], Awaitable[Result]]) -> Result:
        try:
            return await http_call.with_retries(call, self._spec.max_retries)
        except EngineError as error:
            raise self._said(error) from None

    def _read(
        self, lines: Iterable[bytes], asked: Mapping[str, Request]
    ) -> dict[int, Reply | EngineError]:
        """What became of the requests in a file of answers; the first of several counts."""
        found: dict[int, Reply | EngineError] = {}
        for line in lines:
            try:
                item = read_json(line)
                request = asked[item["custom_id"]]
                found.setdefault(request.index, self._outcome(item, request))
            except (RetryableError, KeyError, TypeError, AttributeError):
                continue  # torn, or none of ours: who is not found is asked again
        return found

    def _outcome(self, item: Mapping[str, Any], request: Request) -> Reply | EngineError:
        response = item.get("response") or {}
        status = response.get("status_code") or 500
        if status >= 400:
            why = json.dumps(item.get("error") or response.get("body") or "")[:200]
            retryable = status == 429 or status >= 500
            return EngineError(f"HTTP {status} in the batch: {why}", retryable=retryable)
        spec = self._spec
        try:
            return openai_messages.read_reply(
                response.get("body"), request.ask, spec.model, spec.answers_as
            )
        except NoReplyError as error:
            return EngineError(str(error), retryable=True)

    async def close(self) -> None:
        """Close the connections. Batches under way go on: the next run finds them."""
        await self._endpoint.close()


def _object(content: bytes, *needed: str) -> dict[str, Any]:
    """The JSON object in an answer.

    Raises:
        RetryableError: it is another, such as that of a server without a batch API.
    """
    found = read_json(content)
    if not isinstance(found, dict) or not set(needed) <= set(found):
        raise RetryableError(f"the server's reply has no {' and '.join(needed)}")
    return found


def _is_batch(found: Any) -> bool:
    return isinstance(found, dict) and set(_BATCH) <= set(found)


def _is_of_use(batch: Mapping[str, Any]) -> bool:
    """Whether it will answer, or has answered, anything."""
    counts = batch.get("request_counts") or {}
    return batch["status"] not in _ENDED or int(counts.get("completed") or 0) > 0
