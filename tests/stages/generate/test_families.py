"""Magpie's published templates and stops, built from facts of the families."""

import json

import pytest

from stages.generate.families import FAMILIES

FAMILY_OF = {
    "meta-llama/Meta-Llama-3": "llama-3",
    "meta-llama/Llama-3": "llama-3",
    "meta-llama/Llama-2": "llama-2",
    "lmsys/vicuna": "vicuna-1.5",
    "NousResearch/": "nous-hermes-llama-2",
    "Qwen/Qwen2.5": "qwen-2.5",
    "Qwen/Qwen2-": "qwen-2",
    "Qwen/Qwen1.5": "qwen-1.5",
    "mistralai/": "mistral-0.3",
    "google/gemma-1.1": "gemma-1.1",
    "google/gemma-2": "gemma-2",
    "microsoft/Phi-3-small": "phi-3-small",
    "microsoft/Phi-3": "phi-3",
    "01-ai/": "yi-1.5",
    "deepseek-ai/": "deepseek-coder-v2",
}
# The published entry for the 405B model spells one token wrongly; see the sheet of known slips.
TYPOS = {"<|starter_header_id|>": "<|start_header_id|>"}


@pytest.fixture
def published(root):
    return json.loads((root / "tests/data/magpie_model_configs.json").read_text())


def family_of(model):
    return FAMILIES[next(name for start, name in FAMILY_OF.items() if model.startswith(start))]


def test_all_34_published_models(published):
    assert len(published) == 34
    for entry in published:
        family = family_of(entry["model_name"])
        stops = {TYPOS.get(token, token) for token in entry["stop_tokens"]}
        assert family.pre_query() == entry["pre_query_template"], entry["model_name"]
        assert set(family.stops) == stops, entry["model_name"]
        assert set(family.stop_ids) == set(entry["stop_token_ids"]), entry["model_name"]
        assert set(entry["stop_tokens_assistant"]) <= set(family.assistant), entry["model_name"]


def test_published_templates_with_a_system_message(published):
    marked = [e for e in published if "pre_query_template_with_system_prompt" in e]
    assert marked
    for entry in marked:
        family = family_of(entry["model_name"])
        template = entry["pre_query_template_with_system_prompt"]
        head, tail = family.pre_query("\0").split("\0")
        assert template.startswith(head), entry["model_name"]
        assert template.endswith(tail), entry["model_name"]


def test_a_family_without_system_messages_says_so():
    with pytest.raises(ValueError, match="no system message"):
        FAMILIES["gemma-2"].pre_query("Be brief.")
