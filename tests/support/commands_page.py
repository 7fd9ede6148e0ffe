"""docs/commands.md, made of the program: every command, its arguments and options.

python -m tests.support.commands_page      writes the page; a test compares it
"""

from pathlib import Path

import typer

from pipelines.cli.app import app

PAGE = Path(__file__).parents[2] / "docs/commands.md"
HEAD = """# The commands

Every reading command takes a run, by default the latest. Results go to standard output, everything else to standard error. Exit codes: 0 done (or ended by its budget), 1 the run failed (or `verify` found damage), 2 the request was wrong, 75 another run holds the store.

`--set` takes a dotted key: `seed=3`, `engines.main.kind=scripted`, `stages.0.rows=8`, or a stage by its last name or its `as`, `stages.magpie.rows=8`, `chains.hot.magpie.rows=8`.

This page is made of the program, and a test compares them. More on some commands: [schedule.md](schedule.md), [publish.md](publish.md), [store.md](store.md), [notebooks.md](notebooks.md).
"""  # noqa: E501
VIEWS = """## The views of `sql`

| view | |
|---|---|
| `dataset` | the last stage's rows with at least `id`, `instruction`, `response` (null where the recipe makes none) and `messages`, made of the two |
| `rejected` | `id`, `stage`, `fate` (dropped or failed), `reason`, `detail`, `instruction`, `row` (JSON) |
| `stages` | rows in, annotated, derived, dropped, failed, out; calls, tokens, seconds, dollars |
| `ledger` | what each row's calls took, by stage, engine and model: calls, tokens, seconds, and dollars where the recipe has `prices` |
| `costs` | a line per run of the store: model, temperature, judge, rows accepted and distinct, tokens, dollars, distinct rows per dollar and per thousand tokens |
| `runs` | all runs of the store, with their seeds, the hash of their dataset (`content`) and, where a schedule fired them, the time they were due |
| one per stage | its rows: `generate_magpie`, or what `as` calls it |
"""  # noqa: E501


def _default(parameter):
    value = getattr(parameter.default, "value", parameter.default)
    if parameter.required:
        return "needed"
    return "" if value in (None, False, []) else f"`{value}`"


def _line(parameter):
    shown = parameter.metavar or ""
    if parameter.param_type_name == "option":
        shown = " ".join(filter(None, (parameter.opts[0], shown)))
    variable = f" Or by `{parameter.envvar}`." if getattr(parameter, "envvar", None) else ""
    said = f"{parameter.help}{variable}".replace("|", "\\|")
    return f"| `{shown.replace('|', chr(92) + '|')}` | {_default(parameter)} | {said} |"


def _command(name, command):
    yield f"## `bowerbird {name}`"
    yield command.help
    rows = [_line(p) for p in command.params if p.name != "help"]
    yield "\n".join(["| | default | |", "|---|---|---|", *rows])


def page():
    """The page's text."""
    parts = [HEAD]
    for name, command in typer.main.get_command(app).commands.items():
        parts += _command(name, command)
    return "\n\n".join(part.strip() for part in [*parts, VIEWS]) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
