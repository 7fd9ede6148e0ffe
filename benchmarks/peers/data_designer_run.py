"""data-designer 0.9.6: two LLM text columns over a seed dataset.

python data_designer_run.py URL ROWS OUT
"""

import json
import sys
import time
from pathlib import Path

import data_designer.config as dd
from data_designer.interface import DataDesigner


def main(url: str, rows: str, out: str) -> None:
    """Create the dataset; it writes Parquet itself."""
    model = dd.ModelConfig(
        alias="main", model="m", provider="here",
        inference_parameters=dd.ChatCompletionInferenceParams(
            temperature=0.7, max_tokens=64, max_parallel_requests=64
        ),
    )  # fmt: skip
    build = dd.DataDesignerConfigBuilder(model_configs=[model])
    build.with_seed_dataset(dd.LocalFileSeedSource(path=rows))
    build.add_column(dd.LLMTextColumnConfig(name="first", model_alias="main",
                                            prompt="{{ instruction }}"))  # fmt: skip
    build.add_column(dd.LLMTextColumnConfig(name="second", model_alias="main",
                                            prompt="{{ first }}"))  # fmt: skip
    provider = dd.ModelProvider(name="here", endpoint=url, api_key="none")
    designer = DataDesigner(artifact_path=Path(out) / "artifacts", model_providers=[provider])
    count = len(Path(rows).read_text().splitlines())
    made = designer.create(build, num_records=count, dataset_name="peers")
    made.load_dataset().to_parquet(Path(out) / "rows.parquet")


if __name__ == "__main__":
    began = time.perf_counter()
    main(*sys.argv[1:])
    print(json.dumps({"run_s": time.perf_counter() - began}))
