"""Stages whose replies are sampled text: the settings that every such stage has."""

from pydantic import BaseModel, Field

from stages.ask import Sampling
from stages.base import PromptStage


class SamplingSettings(BaseModel):
    """Named as vLLM and the OpenAI protocol name them."""

    temperature: float = Field(0.7, ge=0, le=2)
    top_p: float = Field(1.0, gt=0, le=1)
    min_p: float = Field(0.0, ge=0, le=1)
    """Tokens less likely than this share of the likeliest are never drawn."""
    max_tokens: int = Field(512, gt=0)

    @property
    def uses_seed(self) -> bool:
        """At temperature 0 the likeliest token is taken, whatever the seed."""
        return self.temperature > 0

    @property
    def most_tokens(self) -> int:
        """Tokens that one call may write at most."""
        return self.max_tokens

    def sampling(self, *, samples: int = 1, stop: tuple[str, ...] = ()) -> Sampling:
        """These settings as part of an `Ask`."""
        return Sampling(self.temperature, self.top_p, self.min_p, self.max_tokens, stop, samples)


class Sampled(SamplingSettings, PromptStage):
    """One call per row."""
