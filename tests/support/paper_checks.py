"""What must hold of the rows of some papers' recipes, whatever the model wrote."""

import math
from collections import Counter

import pytest

CHECKS = {}


def check(path):
    """Of the recipe at `path`; takes its rows."""

    def kept(function):
        CHECKS[path] = function
        return function

    return kept


@check("reasoning/s3ft")
def own_else_reworded_else_gold(rows):
    assert {row["right"] for row in rows} == {"yes", "no"}
    for row in rows:
        assert row["not_own"] == (row["right"] == "no" or row["own_end"] != "stop")
        fits = row["reworded_right"] == "yes" and row["preserved"]
        other = row["reworded"] if fits else row["gold"]
        assert row["response"] == (other if row["not_own"] else row["own"])


@check("reasoning/specializing")
def four_formats_of_each_solution(rows):
    formats = Counter((row["target"], row["format"]) for row in rows)
    assert len(formats) == 4
    assert len(set(formats.values())) == 1
    for row in rows:
        assert row["instruction"].endswith("Answer:" if row["target"] == "answer" else "Solution:")
        problems = row["instruction"].count("Problem:")
        assert problems == (2 if row["format"] == "after_example" else 1)


@check("reasoning/reft")
def right_ways_that_differ(rows):
    assert all(row["correct"] for row in rows)
    assert len({row["response"] for row in rows}) == len(rows)


@check("reasoning/nesycd")
def knowledge_where_the_student_failed(rows):
    assert {row["solved"] for row in rows} == {True, False}
    for row in rows:
        assert row["correct"]
        assert (row["knowledge"] is None) == row["solved"]


@check("judging/flame")
def a_cap_on_each_task(rows):
    tasks = Counter(row["chain"] for row in rows)
    assert set(tasks) == {"preference", "safety", "tags"}
    assert max(tasks.values()) == 8
    verdicts = {row["response"] for row in rows if row["chain"] == "preference"}
    assert verdicts <= {"First", "Second", "Neither"}


@check("judging/compo")
def noisy_where_the_chosen_answer_is_barely_likelier(rows):
    assert {row["noisy"] for row in rows} == {True, False}
    for row in rows:
        apart = row["chosen_likelihood"] - row["rejected_likelihood"]
        assert row["noisy"] == (0 < apart < 0.3)


@check("judging/poft")
def three_numbers_in_each_row(rows):
    assert all(row[f"{name}_logp"] < 0 for row in rows for name in ("first", "second", "third"))


@check("judging/llkd")
def the_teacher_is_sure_and_the_student_is_not(rows):
    for row in rows:
        assert row["teacher_sureness"] >= -0.5
        assert row["student_sureness"] <= -0.05


@check("pairs/cut")
def a_judgement_and_an_answer_for_each_flaw(rows):
    assert {row["score"] == 7 for row in rows} == {True, False}
    for row in rows:
        assert (row["judgment"] is None) == (row["score"] == 7) == (row["i_ans"] is None)


@check("pairs/ilr_dpo")
def both_lengths(rows):
    for row in rows:
        assert row["chosen_chars"] == len(row["chosen"])
        assert row["longer_by"] == len(row["chosen"]) - len(row["rejected"])


@check("seeded/translate_answers")
def two_languages_and_nothing_lost(rows):
    assert {row["language"] for row in rows} == {"French", "Spanish"}
    for row in rows:
        assert row["request_language"] == row["answer_language"] == row["code"]
        assert row["request_preserved"]
        assert row["answer_preserved"]


@check("seeded/task_templates")
def each_passage_asks_for_its_heading(rows):
    assert {"Tides", "Baking", "The starter"} <= {row["response"] for row in rows}
    assert all("\n\n" in row["instruction"] for row in rows)


@check("seeded/system_messages")
def unlike_messages_for_a_request(rows):
    asked = {row["instruction"] for row in rows}
    messages = {(row["instruction"], row["system"]) for row in rows}
    assert len(messages) == len(rows) > len(asked)
    assert all(row["system"].startswith("You speak to ") for row in rows)


@check("seeded/urial")
def an_answer_for_each_task(rows):
    assert len(rows) > 20
    assert all(row["response"] for row in rows)


@check("safety/guide_align")
def two_guidelines_that_differ(rows):
    for row in rows:
        assert len(row["guideline_ids"]) == len(set(row["guidelines"])) == 2


@check("judging/varco_arena")
def one_match_less_than_answers(rows):
    for request in {row["instruction"] for row in rows}:
        own = [row for row in rows if row["instruction"] == request]
        assert {row["entrant"] for row in own} == {"plain", "listed", "curt"}
        matches = own[0]["bracket_matches"]
        assert len(matches) == len(own) - 1
        best = max(own, key=lambda row: row["score"])
        assert best["score"] == 2 > sorted(row["score"] for row in own)[1]
    wins = {(row["entrant"], row["entrant_rounds"]) for row in rows}
    assert len(wins) == 3


@check("pairs/inpo")
def the_winner_against_the_last(rows):
    for row in rows:
        assert row["rejected_score"] == -1
        assert row["chosen_score"] == 3
        assert row["chosen"] != row["rejected"]


@check("judging/reward_transform")
def the_sum_of_both_utilities(rows):
    for row in rows:
        expected = 0.0
        for name in ("correct", "plain"):
            apart = row[name] - row[f"usual_{name}"]
            expected += math.log(1 / (1 + math.exp(-apart)))
        assert row["chosen_score"] == pytest.approx(expected)
        assert row["chosen_score"] > row["rejected_score"]


@check("judging/diversity_audit")
def one_figure_for_each_request_and_each_sample(rows):
    assert len({(row["instruction"], row["distinct_within"]) for row in rows}) == len(
        {row["instruction"] for row in rows}
    )
    assert len({(row["sample"], row["distinct_across"]) for row in rows}) == 4


@check("judging/adaptive_samples")
def more_attempts_only_where_the_first_was_not_enough(rows):
    assert len({row["response_attempts"] for row in rows}) > 1
    for row in rows:
        assert row["response_restart"] < 0.5 or row["response_attempts"] == 4


@check("judging/sftmix")
def halves_at_the_median(rows):
    likelihoods = {row["instruction"]: row["likelihood"] for row in rows}
    assert len(likelihoods) == len(rows) == 24
    assert all(row["percentile"] >= 0.5 for row in rows)
    assert all(row["unsure_instruction"] not in likelihoods for row in rows)


@check("judging/salt")
def a_band_of_what_the_small_model_finds_likely(rows):
    assert len(rows) == 22, "of 48 those from 0.15 to 0.6"
    assert all(0.15 <= row["percentile"] <= 0.6 for row in rows)


@check("pairs/t_reg")
def a_reward_for_each_token(rows):
    for row in rows:
        assert len(row["chosen_rewards"]) == len(row["chosen"].split())
        assert len(row["rejected_rewards"]) == len(row["rejected"].split())


@check("reasoning/difficulty_bins")
def bins_that_overlap_as_stated(rows):
    levels = {"easy": "01", "medium": "1234", "hard": "345"}
    assert Counter(row["bin"] for row in rows) == {"easy": 8, "medium": 8, "hard": 8}
    assert all(row["level"] in levels[row["bin"]] for row in rows)


@check("grounding/dclm")
def what_is_like_good_answers(rows):
    assert len(rows) > 15
    assert all(row["probability"] > 0.5 and row["label"] is not False for row in rows)
    assert not any("click" in row["text"] for row in rows)


@check("seeded/edit_spans")
def edits_lead_to_the_correction(rows):
    for row in rows:
        text = row["draft"]
        for edit in reversed(row["edits"]):
            text = text[: edit["start"]] + edit["text"] + text[edit["end"] :]
        assert text == row["corrected"] != row["draft"]


@check("reasoning/swe_rl")
def edits_that_come_close(rows):
    assert len(rows) > 20
    assert all(0.5 <= row["patch_reward"] <= 1 for row in rows)
    assert all(f"### {row['paths'][0]}\n```python\n" in row["instruction"] for row in rows)
    halves = [row for row in rows if len(row["paths"]) == 2 and row["patch_reward"] < 1]
    assert all(row["response"].count("### ") == 1 for row in halves)


@check("reasoning/malls")
def formulas_that_a_parser_reads(rows):
    assert all(row["formula"].count("(") == row["formula"].count(")") for row in rows)
    assert {row["formula"][0] for row in rows} == {"∀", "∃"}


@check("reasoning/exam")
def a_topic_and_the_right_letter(rows):
    assert {row["part"] for row in rows} == {"train"}
    for row in rows:
        assert row["answer"] == row["letter"]
        assert row["response"].startswith(f"Topic: {row['topic']}\n\n")
        assert row["response"].endswith(f"Answer: {row['letter']}")
        assert "\nB. " in row["instruction"]
        assert "\n\nB. " not in row["instruction"]


@check("safety/adversarial")
def the_worst_wording_of_each_question(rows):
    assert len({row["original"] for row in rows}) == len(rows)
    for row in rows:
        assert row["harm"] == row["harmful_likelihood"] - row["safe_likelihood"]
        assert row["rejected"] != row["chosen"] != ""


@check("seeded/long_output")
def as_long_as_was_asked_for(rows):
    for row in rows:
        written, wanted = row["words"], row["wanted"]
        # The length score of LongWriter's released evaluation.
        over, under = max(0, 1 - (written / wanted - 1) / 3), max(0, 1 - (wanted / written - 1) / 2)
        assert (over if written > wanted else under) >= 0.799


@check("reasoning/ats")
def searches_that_found_it(rows):
    for row in rows:
        assert row["response"].startswith("1. ")
        assert row["answer"] == row["expected"]


@check("reasoning/webrl")
def neither_hopeless_nor_learnt(rows):
    for row in rows:
        assert row["feasible"] >= 0.5
        assert 0.05 <= row["chance"] <= 0.75
