"""What a script of one's own does with vLLM: `LLM.chat` over all prompts at once.

A child of `benchmarks.overhead`, without any of this project's code. Takes a model's folder and, on
standard input, a JSON list of two lists of prompts: it answers the first to warm up, then the
second, and prints the tokens per second. Its settings are vLLM's but for three: prompts and answers
of at most 4,096 tokens as in the engine `vllm`, no compilation, which takes minutes on two cores,
and 0.4 of the memory, of which vLLM takes 0.92.
"""

import json
import sys
import time

from vllm import LLM, SamplingParams


def main(model: str, max_tokens: str) -> None:
    """Load the model, warm it up, then answer all prompts and print the rate."""
    llm = LLM(model=model, max_model_len=4096, enforce_eager=True, gpu_memory_utilization=0.4)
    sampling = SamplingParams(temperature=0.7, max_tokens=int(max_tokens))
    for texts in json.load(sys.stdin):
        asked = [[{"role": "user", "content": text}] for text in texts]
        began = time.monotonic()
        outputs = llm.chat(asked, sampling, use_tqdm=False)
        took = time.monotonic() - began
    written = sum(len(output.outputs[0].token_ids) for output in outputs)
    print(f"rate {written / took}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
