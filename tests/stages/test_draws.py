"""A stage that says it does not draw must not depend on the seed: runs share its rows."""

import json

import pyarrow as pa
import pytest

from pipelines.recipe.lookup import class_in, known_stages
from stages.annotate import neighbours as annotate
from stages.annotate.group_mean import GroupMean
from stages.ask import Ask
from stages.base import PromptStage, SetStage, Stage
from stages.decontaminate.neighbours import Neighbours
from stages.dedup.answers import Answers
from stages.dedup.distinct import Distinct
from stages.dedup.exact import Exact
from stages.dedup.rouge import Rouge
from stages.dedup.semantic import Semantic
from stages.draw.nearest import Nearest
from stages.draw.shared import Shared
from stages.judge.classifier import Classifier
from stages.pair.curriculum import Curriculum
from stages.select.first import First
from stages.select.percentile import Percentile
from stages.select.quality_diversity import QualityDiversity
from stages.select.tag_coverage import TagCoverage
from stages.select.top import Top

ROWS = [
    {
        "instruction": f"task {i // 3}",
        "parents": [f"task {i // 3}"],
        "response": f"answer {i}" if i % 4 else " ".join(f"word{n}" for n in range(40)),
        "sample": i % 3,
        "score": 1.0 + (i * 7 % 4),
        "value": i * 7 % 4,
        "text": "more" if i % 2 else f"some {i} words",
        "label": (True, False, None)[i % 3],
        "margin": i * 5 % 7 / 2,
        "group": i % 2,
        "tags": [f"t{i % 5}", f"u{i % 3}"],
        "embedding": [1.0, i % 5 / 5, i % 2 / 3],
    }
    for i in range(12)
]
SET_STAGES = [
    Exact(), Semantic(), QualityDiversity(rows=4), First(rows=4),
    Neighbours(against=("other",), threshold=0.5), annotate.Neighbours(), Rouge(threshold=0.6),
    Top(rows=3), Nearest(of="texts", take=1), Answers(most=1), Curriculum(parts=2),
    TagCoverage(rows=2), GroupMean(), Distinct(), Percentile(), Classifier(),
    Shared(of="texts", take={"given": "text"}, rows=2),
]  # fmt: skip


def test_all_set_stages_that_do_not_draw_are_tried_here():
    found = {class_in(f"stages.{path}", Stage) for path in known_stages()}
    known = {kind for kind in found if issubclass(kind, SetStage) and "uses_seed" in vars(kind)}
    assert known == {type(stage) for stage in SET_STAGES}


@pytest.mark.parametrize("stage", SET_STAGES, ids=lambda stage: type(stage).__name__)
def test_the_seed_of_a_set_stage_that_does_not_draw_changes_nothing(stage, as_table, reader):
    table = as_table(ROWS, embedding=pa.list_(pa.float32()))
    assert not stage.uses_seed
    other = as_table([{"embedding": [0.0, 1.0, 0.0]}], embedding=pa.list_(pa.float32()))
    given = [
        {"embedding": [1.0, 0.0, 0.0], "text": "a"},
        {"embedding": [0.6, 0.8, 0.0], "text": "b"},
    ]
    texts = as_table(given, embedding=pa.list_(pa.float32()))
    rows = reader(table, other=other, texts=texts)
    first = list(stage.run(rows, 1))
    assert first == list(stage.run(rows, 2))
    assert len(set(map(repr, first))) > 1 or isinstance(stage, Shared)


def test_prompt_stages_that_do_not_draw_ask_for_the_likeliest_token(root):
    tried = 0
    for path in known_stages():
        kind = class_in(f"stages.{path}", Stage)
        if not issubclass(kind, PromptStage):
            continue
        gold = root / "tests/stages" / f"{path.replace('.', '/')}.gold.jsonl"
        needed = {"rows": 1, "json_schema": {"type": "object"}, "rubric": "Is it true?"}
        needed |= {"template": "x", "gives": {"a": "text"}}
        stage = kind(**{name: needed[name] for name in needed if name in kind.model_fields})
        for line in gold.read_text().splitlines():
            case = json.loads(line)
            if "ask" in case and not case.get("settings") and not stage.uses_seed:
                ask = stage.ask({"id": "row0", "parents": [], **case["row"]})
                if isinstance(ask, Ask):
                    assert ask.sampling.temperature == 0, path
                    tried += 1
    assert tried >= 3
