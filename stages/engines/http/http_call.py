"""Calls to an endpoint, bounded in time and size, and what a failure of one means."""

import asyncio
import json
import math
import random
import re
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.error import HTTPError
from urllib.parse import quote, urlsplit
from urllib.request import (
    HTTPRedirectHandler,
    ProxyHandler,
    Request,
    build_opener,
    getproxies,
    proxy_bypass,
)

import aiohttp
import msgspec

from stages.errors import EngineError

_LONGEST_WAIT_S = 60.0
_FATAL = (401, 402, 403, 404)
_FATAL_WORDS = ("API_KEY_INVALID", "billing_error")
"""With any status: Google says so of a wrong key with 400, Anthropic of a spent limit."""
_PASSING = (408, 409, 425, 429)
_TOO_MUCH = (429, 503, 529)
_JSON = {"Content-Type": "application/json"}
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_HERE = ("localhost", "127.0.0.1", "::1")


class RetryableError(Exception):
    """The same call may succeed after `wait_s` seconds (None: we choose).

    `too_much`: the endpoint has more to do than it can.
    """

    def __init__(
        self, message: str, wait_s: float | None = None, *, too_much: bool = False
    ) -> None:
        super().__init__(message)
        self.wait_s, self.too_much = wait_s, too_much


def proxy_for(url: str) -> str | None:
    """The proxy that HTTP_PROXY, HTTPS_PROXY and NO_PROXY name; none on the way to this machine."""
    parts = urlsplit(url)
    if parts.hostname in _HERE or proxy_bypass(parts.netloc):
        return None
    return getproxies().get(parts.scheme)


class _StaysHere(HTTPRedirectHandler):
    """Follows no redirect: it would take the key along, to wherever the answer says."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        """Leave it at the redirect's own status."""


def status(base_url: str, headers: Mapping[str, str], timeout_s: float) -> int:
    """The HTTP status of GET `base_url`/models, by which one sees whether a server is there.

    Raises:
        ConnectionError: nothing answers in time; what it says instead is not quoted.
    """
    found: list[int | Exception] = []

    def ask() -> None:
        try:
            found.append(_status(base_url, headers, timeout_s))
        except Exception as error:  # noqa: BLE001  raised below, by the one who waits
            found.append(error)

    # A server can keep a reader waiting forever, a header at a time.
    thread = threading.Thread(target=ask, name="status", daemon=True)
    thread.start()
    thread.join(2 * timeout_s)
    outcome = found[0] if found else TimeoutError()
    if isinstance(outcome, int):
        return outcome
    reason = getattr(outcome, "reason", outcome)
    said = getattr(reason, "strerror", "") or ""
    raise ConnectionError(f"{type(reason).__name__} {said}".strip())


def _status(base_url: str, headers: Mapping[str, str], timeout_s: float) -> int:
    proxy = proxy_for(base_url)
    proxies = ProxyHandler({urlsplit(base_url).scheme: proxy} if proxy else {})
    asked = Request(f"{base_url.rstrip('/')}/models", headers=dict(headers))
    try:
        with build_opener(proxies, _StaysHere).open(asked, timeout=timeout_s) as reply:
            return int(reply.status)
    except HTTPError as error:
        return error.code


class Endpoint:
    """An address with its key and its own connections. Lives on one event loop.

    The key goes into a header and nowhere else; a server that quotes it is not quoted.
    """

    def __init__(
        self, base_url: str, headers: Mapping[str, str], timeout_s: float, key: str | None
    ) -> None:
        self._base = base_url.rstrip("/")
        self._key = key
        self._session = aiohttp.ClientSession(
            headers=dict(headers),
            timeout=aiohttp.ClientTimeout(total=timeout_s, sock_connect=10),
            # How many are open at once is the pace's to say.
            connector=aiohttp.TCPConnector(limit=0),
            # Not aiohttp's `trust_env`: it looks for a proxy in a thread at every call, which takes
            # more processor time than the call.
            proxy=proxy_for(base_url),
        )

    async def post(self, path: str, body: Mapping[str, Any], most_bytes: int) -> Any:
        """The JSON that comes back for a JSON body. Raises as `send` does."""
        sent = await self.send("POST", path, most_bytes, data=_encode(body), headers=_JSON)
        return read_json(sent)

    async def send(self, method: str, path: str, most_bytes: int, **content: Any) -> bytes:
        """The body of the answer; `content`: aiohttp's `json`, `data` or `params`.

        Raises:
            RetryableError: the call failed, but another may not.
            EngineError: the endpoint refuses the call, or any call.
        """
        url = f"{self._base}/{path}"
        try:
            async with self._session.request(
                method, url, allow_redirects=False, **content
            ) as reply:
                body = await _content(reply, most_bytes)
                status, headers = reply.status, reply.headers
        except TimeoutError:
            raise RetryableError("Timeout", too_much=True) from None
        except RuntimeError:
            if not self._session.closed:
                raise
            # Closed under this call, because calls of other shards found the endpoint dead.
            raise EngineError("closed", retryable=True) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise RetryableError(f"{type(error).__name__} {error}".strip()) from None
        # Before anything is cut: a part of the key would no longer be known for what it is.
        body = body.replace(self._key.encode(), b"***") if self._key else body
        if status >= 300:
            raise _failure(status, headers, body)
        return body

    def unquoted(self, text: str) -> str:
        """What a server says, without the key in any form that it may quote it in."""
        if not self._key:
            return text
        plain = re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)
        forms = (self._key, json.dumps(self._key)[1:-1], quote(self._key, safe=""))
        # Of an escaped key the text is shown with the escapes read.
        shown = plain if any(form in plain and form not in text for form in forms) else text
        for form in forms:
            shown = shown.replace(form, "***")
        return shown

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()


async def _content(reply: aiohttp.ClientResponse, most_bytes: int) -> bytes:
    parts, size = [], 0
    async for part in reply.content.iter_any():
        parts.append(part)
        size += len(part)
        if size > most_bytes:
            reply.close()  # not read to its end: it may have none
            raise RetryableError(f"the reply is larger than {most_bytes} bytes")
    return b"".join(parts)


def _failure(status: int, headers: Mapping[str, str], content: bytes) -> Exception:
    text = " ".join(content[:4000].decode("utf-8", "replace").split())[:200]
    whole = content.decode("utf-8", "replace")
    if status == 429 and "insufficient_quota" in text:
        return EngineError(f"HTTP 429: {text}", fatal=True)
    passes = status in _PASSING or status >= 500
    if passes and headers.get("x-should-retry") != "false":
        wait = retry_after_s(headers)
        # Google says it in the body.
        said = re.search(r'"retryDelay":\s*"(\d+(?:\.\d+)?)s"', whole) if wait is None else None
        wait = min(float(said[1]), _LONGEST_WAIT_S) if said else wait
        return RetryableError(f"HTTP {status}", wait, too_much=status in _TOO_MUCH)
    fatal = status in _FATAL or status < 400 or any(word in whole for word in _FATAL_WORDS)
    return EngineError(f"HTTP {status}: {text}", fatal=fatal)


def read_json(content: bytes) -> Any:
    """The JSON in a body.

    Raises:
        RetryableError: it is none.
    """
    try:
        return _decode(content)
    except (msgspec.DecodeError, ValueError, RecursionError):
        pass  # half of a character in an escape, or NaN: the standard library takes them
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise RetryableError("the server's reply is not JSON") from error


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds a Retry-After header asks for, at most a minute; None without one."""
    said = headers.get("retry-after", "")
    try:
        seconds = float(said)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(said).timestamp() - time.time()
        except (ValueError, TypeError):
            return None
    return min(max(seconds, 0.0), _LONGEST_WAIT_S) if not math.isnan(seconds) else None


def backoff_s(attempt: int) -> float:
    """Full jitter: uniform in [0, 0.5 * 2^attempt] seconds, at most a minute."""
    return random.uniform(0, min(0.5 * 2**attempt, _LONGEST_WAIT_S))


Result = TypeVar("Result")


async def with_retries(call: Callable[[], Awaitable[Result]], retries: int) -> Result:
    """What `call` returns, at the first time or at one of `retries` more.

    Raises:
        EngineError: it failed each time, or says that it always will.
    """
    for attempt in range(retries + 1):
        try:
            return await call()
        except RetryableError as error:
            if attempt == retries:
                tries = f"after {attempt + 1} tries" if attempt else "and no retry is allowed"
                raise EngineError(f"{error} ({tries})", retryable=True) from None
            wait = backoff_s(attempt)
            # Asked to wait, all who were asked come back at once unless some wait a bit longer.
            await asyncio.sleep(wait if error.wait_s is None else error.wait_s + wait / 10)
    raise AssertionError("unreachable: the last attempt returns or raises")
