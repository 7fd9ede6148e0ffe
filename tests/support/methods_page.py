"""docs/methods.md, made of the recipes: which published method, which recipe, what differs.

python -m tests.support.methods_page      writes the page; a test compares it
"""

import json
import re
from collections import Counter
from pathlib import Path

import yaml

from benchmarks.papers import KEPT, fingerprint, steps
from pipelines.recipe.bibliography import bibliography
from stages.base import MultiCallStage

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/methods.md"
THEMES = {
    "magpie": "Magpie",
    "seeded": "Instructions from seeds, subjects, people and texts",
    "skillmix": "Instruct-SkillMix",
    "evolve": "Evolution",
    "dialogue": "Dialogue",
    "several": "Several models on one row",
    "reasoning": "Reasoning and tasks that can be checked",
    "safety": "Safety and principles",
    "grounding": "Documents",
    "judging": "Judges",
    "pairs": "Preference pairs",
}
_PLAIN = str.maketrans("", "", "{}\\")
"""What BibTeX has and a page has not."""
HEAD = """# Methods

Published methods as recipes. Each runs as it is on the packaged model of 1.5 billion parameters, on two cores and in minutes; put your own model into `engines` and raise the numbers. A recipe's first lines say which paper it follows and where it departs; what a stage does is in its file ([recipe.md](recipe.md) has every setting). `calls` counts those for one row that goes in, if nothing is dropped; what a run on the packaged model took was measured by `python -m benchmarks.papers`, on the recipe as it stands unless it says otherwise.

```sh
bowerbird run configs/papers/seeded/personas.yaml --local
bowerbird plan configs/papers/magpie/air.yaml --explain
```

Many recipes hold answers to 60 words or so by a system message (`system:` of `generate.respond`), which no paper does: without it a run on two cores takes hours. It is not in the rows. Take it out for a larger model.

Prompts are ours, in `prompts/`. A reply that repeats its prompt's words or marks is unreadable (`stages/shared/texts/leaks.py`), and requests that nobody can answer as they stand are dropped (`filter.instruction`): small models write many of both.

This page is made of the recipes, and a test compares them.
"""  # noqa: E501


def recipes():
    """(theme, path) of every recipe of a paper, in the page's order."""
    for theme in THEMES:
        for path in sorted((ROOT / "configs/papers" / theme).glob("*.yaml")):
            yield theme, path


def _about(path):
    """What the first lines say, as one paragraph."""
    lines = (line for line in path.read_text().splitlines() if line.startswith("#"))
    return " ".join(line.removeprefix("#").strip() for line in lines)


def _calls(found):
    """Calls of models for a row that passes all stages; embeddings are none."""
    asking = [s.stage for s in found if isinstance(s.stage, MultiCallStage) and s.round <= 1]
    return sum(stage.most_calls for stage in asking if "embed" not in stage.requires)


def _stages(found):
    counts = Counter(dict.fromkeys(s.renaming.stage.__module__[7:] for s in found))
    return ", ".join(f"`{name}`" for name in counts)


def table(found):
    """A line per recipe."""
    lines = ["| recipe | what it makes |", "|---|---|"]
    for path in found:
        name = path.relative_to(ROOT).as_posix()
        about = yaml.safe_load(path.read_text())["description"].rstrip(".")
        lines.append(f"| [{name.removeprefix('configs/papers/')}](../{name}) | {about} |")
    return "\n".join(lines)


def _tuned(found):
    """The numbers that the recipe sets, stage by stage: what to change first."""
    parts = []
    for step in found:
        module = step.renaming.stage.__module__[7:]
        settings = step.stage.model_dump(exclude_unset=True)
        given = {k: v for k, v in settings.items() if type(v) in (int, float) and k != "max_tokens"}
        said = f"`{module}` {', '.join(f'{name} {value}' for name, value in given.items())}"
        if given and said not in parts:
            parts.append(said)
    return f"\n\nWhat to tune: {'; '.join(parts)}." if parts else ""


def _checked(planned):
    """Where the tests hold stages against papers and tables; those of every recipe left out."""
    found = []
    for step in planned:
        family, name = step.renaming.stage.__module__.split(".")[1:]
        if family in ("source", "generate", "filter"):
            continue
        folder = ROOT / "tests/stages" / family
        for path in sorted(folder.glob("*")):
            if path.name == f"{name}.gold.jsonl" or re.fullmatch(
                rf"test_.*{name}.*\.py", path.name
            ):
                found.append(f"{family}/{path.name}")
    names = ", ".join(f"`{name}`" for name in dict.fromkeys(found))
    return f"\n\nChecked in tests/stages: {names}." if found else ""


def _measured():
    """What `python -m benchmarks.papers` found, by recipe."""
    return {line["recipe"]: line for line in map(json.loads, KEPT.read_text().splitlines())}


def _took(path):
    """Rows, calls and tokens on the packaged model, and why most rows were lost."""
    name = path.relative_to(ROOT / "configs").with_suffix("").as_posix()
    found = _measured().get(name)
    if not found or not found["rows"]:
        return ""
    calls, read, written = (_round(found[k] / found["rows"]) for k in ("calls", "read", "written"))
    changed = "" if found["fingerprint"] == fingerprint(path) else ", before its last change,"
    text = f"On the packaged model{changed} {found['rows']} rows"
    if found["calls"]:
        text += f"; 1,000 rows take {calls}k calls, {read}k tokens read and {written}k written"
    lost = ", ".join(f"{n} as `{reason}`" for reason, n in list(found["lost"].items())[:3])
    text += f". Dropped: {lost}." if lost else "."
    samples = found.get("samples", ())
    row = f"\n\n```json\n{json.dumps(samples[0], ensure_ascii=False)}\n```" if samples else ""
    return f"\n\n{text}{row}"


def _round(number):
    """Two figures, as people say it."""
    return f"{number:,.0f}" if number >= 10 else f"{number:.2g}"


def first_lines():
    """The first recipe of each theme, as README.md lists recipes."""
    lines = []
    for theme in THEMES:
        path = next(path for each, path in recipes() if each == theme)
        name = path.relative_to(ROOT).as_posix()
        about = yaml.safe_load(path.read_text())["description"].rstrip(".")
        lines.append(f"| [{name}]({name}) | {about} |")
    return "\n".join(lines)


def _section(path):
    found = steps(path)
    name = path.relative_to(ROOT).as_posix()
    keys = yaml.safe_load(path.read_text()).get("cites", ())
    cited = [
        re.search(r"title = \{(.*)\}", bibliography()[key])[1].translate(_PLAIN) for key in keys
    ]
    works = f"\n\nFollows: {'; '.join(cited)}." if cited else ""
    return (
        f"### {path.stem.replace('_', ' ')}\n\n[{name}](../{name}). {_about(path)}{works}\n\n"
        f"Stages: {_stages(found)}. Calls: {_calls(found)}.{_tuned(found)}"
        f"{_checked(found)}{_took(path)}"
    )


def page():
    """The page as it should be."""
    found = list(recipes())
    parts = [HEAD, table(path for _, path in found)]
    for theme, title in THEMES.items():
        own = [_section(path) for each, path in found if each == theme]
        parts += [f"## {title}", *own] if own else []
    return "\n\n".join(part.strip() for part in parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
