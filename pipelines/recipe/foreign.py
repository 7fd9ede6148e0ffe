"""Recipes that come with a store: they are its author's, and not to be trusted.

An engine of a recorded recipe may start a command, load a script or a model's code, read a file as
a key and send it with the rows to any address. So one is opened unasked only where its kind and
settings can do none of that.
"""

from collections.abc import Mapping
from typing import Any

from stages.engines.model.models import PACKAGED
from stages.errors import UserError


def check(name: str, engine: Mapping[str, Any], where: str, remedy: str) -> None:
    """Refuse the engine `name` of a recorded recipe unless it is harmless by itself.

    Raises:
        UserError: it would reach, read or run what the record says; `remedy` says how to allow it.
    """
    kind, model = engine.get("kind"), str(engine.get("model", ""))
    if kind == "scripted" and ":" not in str(engine.get("script", "")):
        return
    is_packaged = model.removeprefix("packaged/") in PACKAGED and model.startswith("packaged/")
    if kind in ("vllm", "sentence_transformers") and is_packaged and not engine.get("trust"):
        return
    tells = ("command", "script", "trust", "base_url", "api_key_file", "api_key_env", "model")
    said = ", ".join(f"{key} {engine[key]!r}" for key in tells if engine.get(key))
    raise UserError(f"{where} names an engine that is not harmless ('{name}': {said})", remedy)
