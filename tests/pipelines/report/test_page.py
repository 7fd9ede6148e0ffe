"""The report in a real browser."""

import shutil
from pathlib import Path

import pytest

from pipelines.report.page import write_report

pytestmark = pytest.mark.slow

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture
def browser():
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    assert chromium, "no chromium: `make browser` installs it"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def report(run_recipe, small_recipe):
    stages = small_recipe()["stages"]
    stages.insert(4, {"use": "annotate.tags"})
    stages[0] = {"use": "generate.magpie", "rows": 40}
    run, store = run_recipe(small_recipe(stages=stages))
    return Path(write_report(store, run))


def open_page(browser, path, **context):
    page = browser.new_context(**context).new_page()
    problems, requests = [], []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    page.on("request", lambda request: requests.append(request.url))
    page.goto(Path(path).as_uri())
    page.wait_for_selector("#funnel .main-svg")
    return page, problems, requests


def test_the_page_stands_alone_and_its_table_can_be_searched(browser, report, tmp_path):
    page, problems, requests = open_page(browser, report, viewport={"width": 1200, "height": 900})
    assert requests == [report.as_uri()]
    assert problems == []
    for chart in ("funnel", "map", "scores", "lengths", "categories"):
        assert page.locator(f"#{chart} .main-svg").count() > 0, chart
    visible = page.locator("#rows tbody tr:visible")
    everything = visible.count()
    assert everything == 40
    page.select_option("#status", "dropped")
    dropped = visible.count()
    assert 0 < dropped < everything
    page.fill("#search", "dedup")
    assert 0 < visible.count() <= dropped
    page.fill("#search", "no row says this")
    assert visible.count() == 0
    assert page.inner_text("#count") == f"0 of {everything} rows"
    picture = tmp_path / "report.png"
    page.screenshot(path=picture, full_page=True)
    assert picture.stat().st_size > 50_000


def test_a_phone_in_dark_mode(browser, report):
    page, problems, _ = open_page(
        browser, report, viewport={"width": 390, "height": 844}, color_scheme="dark"
    )
    assert problems == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert max(map(int, background.removeprefix("rgb(").removesuffix(")").split(","))) < 60
    ink = page.evaluate("getComputedStyle(document.querySelector('#funnel text')).fill")
    assert min(map(int, ink.removeprefix("rgb(").removesuffix(")").split(","))) > 180


def test_numbers_that_are_none_and_scores_of_the_file(browser, run_recipe, small_recipe, tmp_path):
    """JSON has no NaN, and a judge's chart is of what the judge said."""
    import json

    path = tmp_path / "odd.jsonl"
    odd = {"difficulty": "easy", "responses": ["a b", "c d"], "score": "good"}
    rows = [
        {**odd, "instruction": f"Say {i}.", "task_category": [1.0, float("nan")][i % 2]}
        for i in range(6)
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    take = {"instruction": "text", "difficulty": "text", "task_category": "number"}
    take |= {"responses": "texts", "score": "text"}
    stages = [
        {"use": "source.rows", "path": str(path), "take": take},
        {"use": "judge.bracket", "on_parse_error": "drop"},
        {"use": "mix.scatter", "texts": {"responses": "response"}},
    ]
    run, store = run_recipe(small_recipe(stages=stages))
    page, problems, _ = open_page(browser, write_report(store, run))
    assert problems == []
    assert page.locator("#categories .main-svg").count() > 0
    assert page.locator("#scores").count() == 0
    assert page.inner_text("#count").endswith("rows")


def test_row_text_cannot_break_out(browser, run_recipe, small_recipe, tmp_path):
    import json

    evil = '</script><script>document.title="owned"</script><img src=x onerror="document.title=1">'
    path = tmp_path / "evil.jsonl"
    path.write_text("\n".join(json.dumps({"instruction": f"{evil} {i}"}) for i in range(9)))
    stages = [
        {"use": "source.instructions", "path": str(path)},
        {"use": "generate.respond"},
        {"use": "annotate.embedding"},
        {"use": "dedup.exact"},
    ]
    run, store = run_recipe(small_recipe(stages=stages))
    page, problems, _ = open_page(browser, write_report(store, run))
    assert problems == []
    assert page.title() == run.id
    assert page.locator("#rows .text").first.inner_text().startswith("</script>")


def test_a_failed_run_has_a_report_too(browser, run_recipe, small_recipe, tmp_path):
    from pipelines.store.store import Store
    from stages.errors import RunError

    source = small_recipe(limits={"failed": 0.0})
    source["stages"][4] = {"use": "judge.quality", "min_mass": 1.0}
    store = Store.at(tmp_path / "failed")
    with pytest.raises(RunError):
        run_recipe(source, store)
    path = write_report(store, store.find(None))
    page, problems, _ = open_page(browser, path)
    assert problems == []
    assert "rows failed" in page.inner_text("header")
