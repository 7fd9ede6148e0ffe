"""Where an endpoint's key is: a reference in the recipe, the key nowhere but in memory."""

import os
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, field_validator, model_validator

from stages.errors import UserError


class Keyed(BaseModel):
    """For engines that are asked over a network."""

    base_url: str
    api_key_env: str | None = Field(None, pattern="^[A-Za-z_][A-Za-z0-9_]*$")
    """Name of the environment variable that holds the key."""
    api_key_file: str | None = None
    """Path of the file that holds the key and nothing else."""

    @field_validator("base_url")
    @classmethod
    def _without_secrets(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("an address has no user, key or query in it; use api_key_env")
        return url

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.api_key_env is not None and self.api_key_file is not None:
            raise ValueError("give api_key_env or api_key_file, not both")
        return self

    def api_key(self) -> str | None:
        """The key; None for servers that want none.

        Raises:
            UserError: the variable or the file is not there, or empty.
        """
        if self.api_key_env is not None:
            key = os.environ.get(self.api_key_env, "")
            cause = f"the environment variable {self.api_key_env} is not set"
            remedy = "Export the endpoint's API key under that name."
        elif self.api_key_file is not None:
            path = Path(self.api_key_file).expanduser()
            key = _content(path)
            cause = f"there is no key in the file {path}"
            remedy = "Write the endpoint's API key into it, or use `api_key_env`."
        else:
            return None
        if not key:
            raise UserError(cause, remedy)
        if not (key.isascii() and key.isprintable()):
            where = self.api_key_env or self.api_key_file
            cause = f"the key in {where} has characters that no header takes"
            raise UserError(cause, "Keys are one line of plain ASCII.")
        return key

    def headers(self) -> dict[str, str]:
        """What says the key to the server. Raises as `api_key` does."""
        key = self.api_key()
        return {"Authorization": f"Bearer {key}"} if key else {}


def _content(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""
