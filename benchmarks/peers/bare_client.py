"""The least that does it: asyncio, aiohttp and pyarrow; nothing is checked, kept or counted.

python bare_client.py URL ROWS OUT [SLOTS]
"""

import asyncio
import json
import sys
import time
from pathlib import Path

import aiohttp
import pyarrow as pa
import pyarrow.parquet as pq


async def main(url: str, rows: str, out: str, most: str = "64") -> None:
    """Two calls after each other for each row, `most` at once."""
    asked = [json.loads(line)["instruction"] for line in Path(rows).read_text().splitlines()]
    slots = asyncio.Semaphore(int(most))

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def call(text: str) -> str:
            body = {"model": "m", "messages": [{"role": "user", "content": text}],
                    "max_tokens": 64, "temperature": 0.7}  # fmt: skip
            async with slots, session.post(f"{url}/chat/completions", json=body) as reply:
                return str((await reply.json())["choices"][0]["message"]["content"])

        async def row(text: str) -> tuple[str, str]:
            answer = await call(text)
            return answer, await call(answer) if answer else ""

        answers = await asyncio.gather(*map(row, asked))
    columns = {"instruction": asked, "first": [a for a, _ in answers],
               "second": [b for _, b in answers]}  # fmt: skip
    pq.write_table(pa.table(columns), Path(out) / "rows.parquet", compression="zstd")


if __name__ == "__main__":
    began = time.perf_counter()
    asyncio.run(main(*sys.argv[1:]))
    print(json.dumps({"run_s": time.perf_counter() - began}))
