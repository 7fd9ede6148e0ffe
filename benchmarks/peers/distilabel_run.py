"""distilabel 1.5.3: two TextGeneration steps, which it runs in processes of their own.

python distilabel_run.py URL ROWS OUT
"""

import json
import sys
import time
from pathlib import Path

from distilabel.models.llms import OpenAILLM
from distilabel.pipeline import Pipeline
from distilabel.steps import LoadDataFromDicts
from distilabel.steps.tasks import TextGeneration


def main(url: str, rows: str, out: str) -> None:
    """Run without its cache; the result as Parquet."""
    data = [json.loads(line) for line in Path(rows).read_text().splitlines()]
    settings = {"max_new_tokens": 64, "temperature": 0.7}

    def llm() -> OpenAILLM:
        return OpenAILLM(model="m", base_url=url, api_key="none", generation_kwargs=settings)

    with Pipeline(name="peers", cache_dir=Path(out) / "cache") as pipeline:
        load = LoadDataFromDicts(data=data, batch_size=64)
        # Batches of 64 in each of two processes keep the server's 64 slots busy.
        first = TextGeneration(llm=llm(), input_batch_size=64,
                               output_mappings={"generation": "first"})  # fmt: skip
        second = TextGeneration(llm=llm(), input_batch_size=64,
                                input_mappings={"instruction": "first"},
                                output_mappings={"generation": "second"})  # fmt: skip
        load >> first >> second
    made = pipeline.run(use_cache=False, dataset_batch_size=64)
    made["default"]["train"].to_parquet(str(Path(out) / "rows.parquet"))


if __name__ == "__main__":
    began = time.perf_counter()
    main(*sys.argv[1:])
    print(json.dumps({"run_s": time.perf_counter() - began}))
