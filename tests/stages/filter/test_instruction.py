import time

import pytest

from stages.base import Dropped, Kept
from stages.filter.instruction import Instruction, clean
from stages.shared.texts.requests import misses_text

STAGE = Instruction(languages=("en",), min_chars=12, max_chars=200)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "filter.empty"),
        (None, "filter.empty"),
        ("  \n ", "filter.empty"),
        ("1. Question:", "filter.empty"),
        ("How?", "filter.too_short"),
        ("Tell me about rivers. " * 20, "filter.too_long"),
        ("Tell me<|im_end|> about rivers.", "filter.template_echo"),
        ("[INST] Tell me about rivers. [/INST]", "filter.template_echo"),
        ("Do this.\n### Instruction:\nTell me about rivers.", "filter.template_echo"),
        ("Sort this: aaaaaaaaaaaaaaaa", "filter.repetition"),
        ("word " * 30, "filter.repetition"),
        ("I'm sorry, but I can't help with that.", "filter.refusal"),
        ("As an AI language model, I have no opinions.", "filter.refusal"),
        ("I'm sorry, but I don't follow. Can you provide more details?", "filter.refusal"),
        ("I can't assist with that. Is there anything else I can help with?", "filter.refusal"),
        ("What is the capital of France?\nA: Paris", "filter.self_answered"),
        (
            "Which is red?\nA. Sky\nB. Rose\n\nThe answer is B. Rose, of course.",
            "filter.self_answered",
        ),
        (
            "Who won?\nA: Brazil\nB: Italy\nThe answer is: B\nExplanation: it did.",
            "filter.self_answered",
        ),
        ('What does "Schlaf" mean?\n\nAssistant: It means sleep.', "filter.self_answered"),
        ("You are Qwen, a large language model.", "filter.about_itself"),
        ("Does this text mention the names of the four people?", "filter.missing_text"),
        ("Suggest a practical use case for the subject in everyday life.", "filter.missing_text"),
        ("Analyze how the subject has impacted society.", "filter.missing_text"),
        ("Write a short introduction to the topic of the day.", "filter.missing_text"),
        ("Compare two products based on the given key metric.", "filter.missing_text"),
        ("Wie sortiere ich eine Liste von Paaren in Python?", "filter.language"),
        ("请告诉我一些关于地球科学的基本概念和原理。", "filter.language"),
    ],
)
def test_each_reason(text, reason):
    fate = STAGE.decide({"instruction": text, "finish_reason": "stop"})
    assert isinstance(fate, Dropped)
    assert fate.reason == reason


@pytest.mark.parametrize(
    "text",
    [
        "How do I sort a list of tuples in Python?",
        "If $x^2 = 4$, find $x$.",
        "Write a haiku about rain.",
        "Explain `x < y || z` to me, please.",
        "Fix this table:\n| a | b |\n|-----------|------------|\n| 1 | 2 |",
        "I can't get my dog to sit. What should I try?",
        "Is '....' a valid path? What of '-----'?",
        "Solve x + 1 = 2, and put your final answer within \\boxed{}.",
        "Solve x + 1 = 2 and give the result as \\boxed{answer}.",
        "Ok, so how do I bake sourdough bread?",
        'Write an essay on the topic "Love".',
    ],
)
def test_what_people_ask_passes_unchanged(text):
    fate = STAGE.decide({"instruction": text, "finish_reason": "stop"})
    assert fate == Kept({"instruction": text})


def test_a_text_that_was_cut_off_is_dropped_whatever_it_says():
    fate = STAGE.decide({"instruction": "How do I sort a list?", "finish_reason": "length"})
    assert fate.reason == "filter.truncated"


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("1. Name three rivers.", "Name three rivers."),
        ("Question: Name three rivers.", "Name three rivers."),
        ("**Task 2:** Name three rivers.", "Name three rivers."),
        ("Q: Name three rivers.", "Name three rivers."),
        ('"Name three rivers."', "Name three rivers."),
        ('Say "yes" or "no"', 'Say "yes" or "no"'),
        ("3.5 is what share of 7?", "3.5 is what share of 7?"),
        ("Task management tools: name three.", "Task management tools: name three."),
    ],
)
def test_clean(raw, cleaned):
    assert clean(raw) == cleaned


def test_any_language_passes_where_none_is_asked_for():
    row = {"instruction": "Nenne mir drei Flüsse.", "finish_reason": "stop"}
    assert Instruction().decide(row) == Kept({"instruction": "Nenne mir drei Flüsse."})


@pytest.mark.parametrize(
    "text",
    [
        "Which animal is a mammal?\nA: whale\nB: shark",
        "Which is right?\nA: yes\nB) no",
        "Explain this YAML:\na: 1\nanswer: 42\nresponse: 200",
        "Prove that the answer is always even.",
        "Multiply 10000000000 by 3.",
        "Is 1111111111111111 a prime number?",
        "Fill in the blank: Paris is the capital of ..........",
        "Draw a table:\n| a | b |\n|---|---|" + "\n|   |   |" * 6,
        "What does <s>struck out</s> look like in HTML?",
        "When is the <s> tag used in HTML?",
        "########## Header ##########\nExplain this comment style.",
        "- 5 + 3 = ? Explain the sign.",
        "1. e4 e5 2. Nf3 Nc6: name this opening.",
        "1) boil water 2) add tea: is this the right order?",
        "I'm unable to log in to my Gmail account. What can I do?",
        "I am afraid of flying. How can I get over it?",
        "I'm sorry for my bad English. How do I use the past perfect?",
        "I can't create a virtual environment on Windows; pip says that it is denied.",
        "As an AI researcher, how should I choose a conference?",
        "Solve for x: 3x + 4 = 19. The answer is an integer.",
        "What is wrong with my sum? The answer is supposed to be 42, but I get 41.",
        "Write three trivia cards in this form:\nQuestion: <text>\nAnswer: <text>",
        "Write a program.\n## Input:\nTwo numbers.\n## Output:\nTheir sum.",
        "Can I keep a cat here?\nNo pets are named in the contract.",
        "Write a reply to him.\n\nTo John, we need to say that it is late.",
        "I have two jobs.\nTo decide between them, what do I need to know?",
        "Fill in the blank.\nSolution: ____",
        "Continue this talk.\nAnna: Shall we go?\nBen: Sure, let's start.",
        "My answer to the quiz was 5. Is it right?",
        "What is 17 * 23 + 4?\nLet's think step by step.",
        "You are the dungeon master.\n\nLet's start: I open the door.",
        "Improve this email:\n\nDear John,\n\nOf course, we can move the meeting.",
        "Übersetze diese E-Mail:\n\nHallo Frau Weber,\n\nGerne, ich schicke es.",
        "Go on with this scene.\n\nANNA\nShall we?\n\nSure, let me get my coat.",
        "Why does my laptop not boot?\nYes, I have tried another charger.",
        "Can you plan a trip to Rome for us?\n\nNo, we have no car.",
        "Kannst du mir einen Plan machen?\n\nNein, ich bin kein Anfänger.",
        "Rewrite this FAQ.\n\nCan I return my order?\nNo, all sales are final.",
        "Is this review positive?\nYes, no or unsure? It was long.",
        "What does this entry mean?\n\nNo. 12 in B minor, Op. 3",
        "What is 3/4 of 16?\nMy answer: 12\nIs that right?",
        "Review my code.\n\nMy solution:\ndef f(n):\n    return n",
        "Grade the student.\nCorrect answer: Paris\nStudent answer: Lyon",
        "Write a struct for this API.\nSample response:\nHTTP/1.1 200 OK",
        "Proofread my paragraph:\n\nTo reduce costs, we need to cut travel.",
        "I have a garden.\nTo save water, I will start with a barrel. Which plants?",
    ],
)
def test_good_requests_pass_as_they_are(text):
    assert clean(text) == text
    assert Instruction().reason(text) == ""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("What is 2 and 2?\nA: 4, of course", "self_answered"),
        ("What is 2 and 2?\nAnswer: 4, of course", "self_answered"),
        ("What is 2 and 2? The correct answer is 4.", "self_answered"),
        ("Which factors count?\n\n**Created Answer**:\nPlanned economies.", "self_answered"),
        ("What is 2 and 2?\n\n**Answer:** It is 4.", "self_answered"),
        ("What is 2 and 2?\n\n### Answer\nIt is 4.", "self_answered"),
        ("Is it possible to ask in French?\n\nBien sûr ! On peut.", "self_answered"),
        ("**Die Frage:** Was ist Gut?\n\n**Meine Antwort:** Ein Gut ist etwas.", "self_answered"),
        ("Is it possible to ask in German?\n\nYes, it is possible.", "self_answered"),
        ("Kann man das so fragen?\n\nJa, das kann man.", "self_answered"),
        ("Ist ein Programm möglich?\n\nNatürlich kann ich das erläutern.", "self_answered"),
        (
            'Translate: "It is the oak."\nTo translate it, I would follow these steps:',
            "self_answered",
        ),
        (
            "What is the capital of France?\nA. Paris\nB. Rome\nTo find it out, we need to look.",
            "self_answered",
        ),
        ("What is 2 and 2? It is \\boxed{4}", "self_answered"),
        ("How many apples are there?\n\nLet's denote the apples by a.", "self_answered"),
        ("I'm sorry, but I can't assist with that request.", "refusal"),
        ("As an AI language model, I do not have opinions.", "refusal"),
        ("I cannot provide an answer without more details.", "refusal"),
        ("<s>Name three rivers of France", "template_echo"),
        ("Name three rivers of France</s>", "template_echo"),
        ("Name three riversssssssssssss", "repetition"),
        ("Name " + "7" * 50, "repetition"),
    ],
)
def test_bad_requests_still_fall(text, reason):
    assert Instruction().reason(text) == f"filter.{reason}"


def test_a_list_number_or_bullet_alone_is_taken_off():
    assert clean("1. Name three rivers.") == "Name three rivers."
    assert clean("- Name three rivers.") == "Name three rivers."
    assert clean("3) Q: Name three rivers.") == "Name three rivers."


@pytest.mark.parametrize(
    "text",
    [
        "Write the subject line of an email to a landlord.",
        "What is the subject of Hamlet's most famous monologue?",
        "Write a poem on the topic of rain.",
        "How do I find the subject-verb agreement in German?",
        "Explain the topic sentence and its role in a paragraph.",
        "Find the subject in the sentence: The dog barks at night.",
    ],
)
def test_a_subject_that_is_named(text):
    assert not misses_text(text)


@pytest.mark.parametrize("text", ["Ask this?" + "\n" * 20_000 + "x", ". " + "\n " * 10_000])
def test_blank_lines_take_no_time(text):
    began = time.process_time()
    Instruction(max_chars=50_000).reason(text)
    assert time.process_time() - began < 1
