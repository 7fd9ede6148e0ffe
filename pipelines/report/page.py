"""One self-contained HTML file per run: charts, ledger, sample rows, recipe and versions."""

from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pipelines.report import figures
from pipelines.report.facts import Facts, read_facts
from pipelines.store.runs import Run
from pipelines.store.store import Store

_FOLDER = Path(__file__).parent


def write_report(store: Store, run: Run) -> str:
    """Write the report of `run` into its folder; return where it is."""
    facts = read_facts(store, run)
    # Row text is data: everything is escaped but the files of this folder and Plotly itself.
    environment = Environment(
        loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined
    )
    text = environment.get_template("page.html.j2").render(
        run=run,
        facts=facts,
        charts=_charts(facts),
        recipe=yaml.safe_dump(run.source, sort_keys=False, allow_unicode=True, width=100),
        style=Markup((_FOLDER / "page.css").read_text()),
        script=Markup((_FOLDER / "page.js").read_text()),
        plotly=Markup(
            (resources.files("plotly") / "package_data/plotly.min.js").read_text("utf-8")
        ),
    )
    folder = store.run(run.id)
    folder.put("report.html", text.encode("utf-8", "replace"))
    return folder.uri("report.html")


def _charts(facts: Facts) -> list[dict[str, Any]]:
    made = (
        ("funnel", "Yield", "Rows at each stage: what goes on, what drops out and why.",
         figures.funnel(facts.stages, facts.reasons)),
        ("map", "Map", "Rows by the likeness of their instructions' embeddings (t-SNE).",
         figures.embedding_map(facts.mapped)),
        ("scores", "Scores", "All graded rows, kept or not.", figures.scores(facts.judged)),
        ("lengths", "Lengths", "The dataset's texts.", figures.lengths(facts.dataset)),
        ("categories", "Tasks", "The dataset by task and difficulty.",
         figures.categories(facts.dataset)),
    )  # fmt: skip
    return [
        {"id": name, "title": title, "note": note, "json": _json(figure)}
        for name, title, note, figure in made
        if figure is not None
    ]


def _json(chart: figures.Chart) -> Markup:
    """JSON that cannot end the script element it stands in."""
    # msgspec writes null for NaN and infinity, which are no JSON.
    return Markup(msgspec.json.encode(chart).decode().replace("<", "\\u003c"))
