"""Requests in vLLM's own terms, and its outputs in ours."""

from collections.abc import Sequence
from typing import Any

from stages.ask import Reply, Request, Sample
from stages.engines.model.logprobs import by_text


def sampling_params(request: Request, stops: Sequence[str], stop_ids: Sequence[int]) -> Any:
    """VLLM's `SamplingParams` for a request; stops are those of the request and of the model."""
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind, StructuredOutputsParams

    sampling = request.ask.sampling
    schema, pattern = request.ask.schema, request.ask.pattern
    structured = None
    if schema is not None:
        structured = StructuredOutputsParams(json=dict(schema))
    elif pattern is not None:
        structured = StructuredOutputsParams(regex=pattern)
    return SamplingParams(
        n=sampling.samples,
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        min_p=sampling.min_p,
        max_tokens=sampling.max_tokens,
        stop=list(stops),
        # A control token is no text to vLLM: as a string alone it never stops anything.
        stop_token_ids=[*sampling.stop_ids, *stop_ids],
        seed=request.seed if sampling.temperature > 0 else None,
        presence_penalty=sampling.presence_penalty,
        repetition_penalty=sampling.repetition_penalty,
        logit_bias=dict(sampling.logit_bias) or None,
        logprobs=request.ask.logprobs or None,
        structured_outputs=structured,
        output_kind=RequestOutputKind.FINAL_ONLY,
    )


def reply_of(output: Any, model: str) -> Reply:
    """What a finished `RequestOutput` holds, its samples in order."""
    samples = sorted(output.outputs, key=lambda sample: sample.index)
    return Reply(
        samples=tuple(_sample(sample) for sample in samples),
        model=model,
        prompt_tokens=len(output.prompt_token_ids or ()),
        completion_tokens=sum(len(sample.token_ids) for sample in samples),
        cached_tokens=output.num_cached_tokens or 0,
    )


def _sample(sample: Any) -> Sample:
    positions = tuple(
        by_text((entry.decoded_token or "", entry.logprob) for entry in position.values())
        for position in sample.logprobs or ()
    )
    return Sample(sample.text, sample.finish_reason or "stop", positions)
