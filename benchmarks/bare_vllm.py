"""What a script of one's own does with vLLM: `LLM.chat` over all prompts at once.

A child of `benchmarks.overhead`, without any of this project's code or settings. Takes a model's
folder and a file of prompts, a JSON list, answers the first 32 to warm up, then all of them, and
prints the tokens per second.
"""

import json
import sys
import time
from pathlib import Path

from vllm import LLM, SamplingParams


def main(model: str, prompts: str, max_tokens: str) -> None:
    """Load the model, warm it up, then answer all prompts and print the rate."""
    asked = [[{"role": "user", "content": text}] for text in json.loads(Path(prompts).read_text())]
    # Compiling takes minutes on two cores, in a run of minutes; left alone, vLLM takes 92 % of a
    # machine's memory.
    llm = LLM(model=model, max_model_len=4096, enforce_eager=True, gpu_memory_utilization=0.4)
    sampling = SamplingParams(temperature=0.7, max_tokens=int(max_tokens))
    llm.chat(asked[:32], sampling, use_tqdm=False)
    began = time.monotonic()
    outputs = llm.chat(asked, sampling, use_tqdm=False)
    took = time.monotonic() - began
    written = sum(len(output.outputs[0].token_ids) for output in outputs)
    print(f"rate {written / took}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
