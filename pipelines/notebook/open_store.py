"""`open_store()`: the runs of a store, and one run's rows, history and charts.

    store = open_store()                    # the latest run of the store
    store.sql("SELECT * FROM dataset").to_pandas()
    store.run("demo-20261121-031500").funnel()

Heavy imports stand in the methods: `import pipelines` stays quick for the command line.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.notebook.shown import History, Result, page
from pipelines.store.runs import Run
from pipelines.store.store import Store
from stages.errors import UserError

if TYPE_CHECKING:
    import datasets
    import duckdb
    import plotly.graph_objects as go

    from pipelines.report.figures import Chart
    from stages.base import Stage
    from stages.engines.base import EngineSpec


def open_store(path: str | Path | None = None) -> "OpenStore":
    """The store at `path`, seen from its latest run.

    Without a path: the one that `BOWERBIRD_STORE` names, else the folder `store` here or in the
    nearest folder above that has one.

    Raises:
        UserError: there is no store, or nothing has been run in it.
    """
    store = Store.at(path if path else _nearest())
    return OpenStore(store, store.find(None))


def _nearest() -> str | Path:
    named = os.environ.get("BOWERBIRD_STORE")
    if named:
        return named
    here = Path.cwd()
    found = (folder / "store" for folder in (here, *here.parents))
    return next((path for path in found if (path / "runs").is_dir()), here / "store")


@dataclass(frozen=True, slots=True, repr=False)
class OpenStore:
    """A store, seen from one of its runs. It only reads."""

    store: Store
    record: Run
    """The run: its recipe as `source`, its steps, how it ended."""

    def run(self, run_id: str | None = None) -> "OpenStore":
        """The same store, seen from another run (without an id: from the latest).

        Raises:
            UserError: there is no such run.
        """
        return OpenStore(self.store, self.store.find(run_id))

    def runs(self) -> Result:
        """All runs of the store, oldest first."""
        return self.sql("SELECT * FROM runs")

    def stages(self) -> Result:
        """What became of the rows at each stage of the run, and what it took."""
        return self.sql("SELECT * FROM stages ORDER BY position")

    def sql(self, query: str) -> Result:
        """A DuckDB query over `dataset`, `rejected`, `stages`, `runs` and a view per stage.

        Raises:
            UserError: DuckDB refuses it.
        """
        from pipelines.store.query.catalog import query as ask

        return Result(ask(self.store, self.record, query))

    def dataset(self) -> "datasets.Dataset":
        """The run's dataset with all its columns."""
        import datasets

        return datasets.Dataset(self.sql("SELECT * FROM dataset").to_arrow())

    def why(self, row_id: str) -> History:
        """Where a row came from and what each stage made of it, or why it was dropped.

        Raises:
            UserError: the run has no such row.
        """
        from pipelines.store.query.lineage import history

        return History(tuple(history(self.store, self.record, row_id)))

    def funnel(self) -> "go.Figure":
        """Rows at each stage: what goes on, what drops out and why."""
        from pipelines.report import facts, figures

        with self._catalog() as catalog:
            figure = figures.funnel(facts.stages(catalog), facts.reasons(catalog))
        return self._titled(figure, "Yield", "no rows")

    def map(self) -> "go.Figure":
        """Rows by the likeness of their instructions' embeddings.

        Raises:
            UserError: the run made no embeddings, or is not done.
        """
        from pipelines.report import facts, figures

        with self._catalog() as catalog:
            figure = figures.embedding_map(facts.mapped(catalog, self.record))
        return self._titled(figure, "Map of the instructions", "no embeddings of a finished run")

    def scores(self) -> "go.Figure":
        """The judge's scores of all rows it graded, kept or not.

        Raises:
            UserError: the run has no judge.
        """
        from pipelines.report import facts, figures

        with self._catalog() as catalog:
            figure = figures.scores(facts.judged(catalog, self.record))
        return self._titled(figure, "Scores", "no scores")

    def audit(self, gold: str = "") -> Result:
        """Figures of the run's judges, as `bowerbird audit` has them.

        `gold`: the column of right labels; without it those that people gave by `bowerbird label`.

        Raises:
            UserError: the run has no judge, or a label is none.
        """
        from pipelines.audit.audit import as_table, audit

        return Result(as_table(audit(self.store, self.record, gold)))

    def try_stage(self, stage: "Stage", query: str, engine: "EngineSpec | None" = None) -> Result:
        """What a stage that is being written makes of the rows of `query`; nothing is kept.

        A prompt stage asks `engine`, or the run's engine of the name that the stage gives.

        Raises:
            UserError: the rows lack a column, or there is no such engine.
        """
        from pipelines.notebook.trial import trial

        return Result(trial(stage, self.sql(query).to_arrow(), engine, self.record))

    @contextmanager
    def _catalog(self) -> "Iterator[duckdb.DuckDBPyConnection]":
        from pipelines.store.query.catalog import open_catalog

        catalog = open_catalog(self.store, self.record)
        try:
            yield catalog
        finally:
            catalog.close()

    def _titled(self, chart: "Chart | None", title: str, lacking: str) -> "go.Figure":
        if chart is None:
            remedy = "`store.runs()` lists the others; `store.run(ID)` goes to one of them."
            raise UserError(f"the run {self.record.id} has {lacking}", remedy)
        import plotly.graph_objects as go

        # On the report's page the background is the page's; a notebook may be light or dark.
        text = f"{title}<br><sub>{self.record.id}</sub>"
        return go.Figure(chart).update_layout(
            template="none",
            title={"text": text, "x": 0, "y": 1, "yanchor": "top", "pad": {"t": 14}},
            height=chart["layout"]["height"] + 50, margin_t=90, font_color="#1d2530",
            paper_bgcolor="white", plot_bgcolor="white",
        )  # fmt: skip

    def __repr__(self) -> str:
        """The run and where it is."""
        return f"<{self.record.id} ({self.record.status}) in {self.store.root.uri()}>"

    def _repr_html_(self) -> str:
        return page("store.html.j2", view=self, runs=self.runs())
