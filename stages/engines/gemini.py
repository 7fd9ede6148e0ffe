"""Google's own endpoint of the Gemini models, `generateContent`."""

from typing import ClassVar, Literal

from typing_extensions import override

from stages.ask import Capability
from stages.engines.base import Engine
from stages.engines.http import gemini_messages
from stages.engines.http.endpoint_spec import EndpointSpec
from stages.engines.http.http_engine import HttpEngine


class Gemini(EndpointSpec):
    """`model` without `models/`."""

    provides: ClassVar[frozenset[Capability]] = frozenset({"chat", "schema", "samples"})

    refuses_key: ClassVar[tuple[int, ...]] = (400, 401, 403)

    kind: Literal["gemini"] = "gemini"
    base_url: str = "https://generativelanguage.googleapis.com/v1beta"

    @override
    def headers(self) -> dict[str, str]:
        key = self.api_key()
        return {"x-goog-api-key": key} if key else {}

    @override
    def open(self) -> Engine:
        return HttpEngine(self, gemini_messages)
