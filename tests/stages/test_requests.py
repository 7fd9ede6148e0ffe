"""Requests that nobody can answer as they stand, and those that only look so."""

import pytest

from stages.shared.texts.requests import (
    has_preamble,
    is_about_itself,
    misses_text,
    quotes_a_question,
    serves,
)

REST = "The Rhine rises in the Alps and ends in the North Sea."


@pytest.mark.parametrize(
    "text",
    [
        "Summarise the following article.",
        "Translate the following sentence into French:",
        "What is the main idea of the passage above?",
        "Fix the bugs in the given code.",
        "According to the image, what is the man doing? Look at the picture below.",
        "What is the tone of this passage?",
        "Rewrite the following text: \n",
        "Sort the list below.",
        "In the given figure, what is the length of $AB$?",
        "What is the purpose of the code snippet provided?",
        "Given the following context, answer the question. Context: the sky is blue.",
        "Why is the author of this passage critical of his country?",
        "How does the author use figurative language in their essay?",
        "According to the passage, what happened then?",
        "Summarize the following table in 3 sentences.",
        "Given a text snippet, classify the language it belongs to.",
        "Sort the following list in Python 3.",
        "What's the main idea of the following passage?",
        "What's wrong with the code above?",
    ],
)
def test_the_text_is_not_there(text):
    assert misses_text(text)


@pytest.mark.parametrize(
    "text",
    [
        f"Summarise the following article: {REST}",
        f"Summarise the following article.\n{REST}",
        f"{REST} It is 1,230 km long. What is the main idea of the passage above?",
        'Translate the following sentence into French: "The Rhine rises in the Alps."',
        "Fix the given code: `for i in range(10) print(i)`",
        "Sort the following list: [3, 1, 2, 5, 4, 9]",
        "Write a short story about a lighthouse.",
        "Write code that reads a table.",
        "How do I write the following in Python: a loop over a dictionary?",
        "What should the picture above my sofa show?",
        "Solve the following equation: 2x + 3 = 7",
        "Sort the following numbers: 5, 2, 9",
        "Calculate the mean of the following numbers 3, 5, 7, 9.",
        "Solve the following equation 2x + 3 = 7.",
        'Parse the following sentence "I go".',
        "Translate the following sentence into English: 你好",
        "Given a sentence, write a Python function that counts its words.",
        "Given a sentence, say whether it is true.\nThe sun is cold.",
        "I am the author of a novel. How do I find a publisher?",
        "What does the author of Dune say about ecology?",
        "In Animal Farm, what is the author's main message?",
        "According to the text of the First Amendment, what is protected?",
        "Answer the following question: Explain why the sky is blue.",
        "Write a Python function to reverse the given list.",
        "How do I add a legend to the graph in matplotlib?",
        "List all prime numbers below one hundred.",
        "Write a Python function that returns all prime numbers below n.",
    ],
)
def test_the_text_is_there(text):
    assert not misses_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "Who are you?", "You are Qwen, a large language model created by Alibaba Cloud.",
        "Qwen is a large language model. Can you say more about it?", "Qwen, can you help me?",
        "I am an AI assistant. Please provide me with the data.",
        "What is your name?", "Who created you and when?", "Are you a robot?",
        "As an AI, what do you think of rivers?", "You are an AI assistant that helps people.",
        "Do you have feelings?",
    ],
)  # fmt: skip
def test_about_the_model(text):
    assert is_about_itself(text)


@pytest.mark.parametrize(
    "text",
    [
        "Who are you rooting for in this story, and why?",
        "Write a dialogue in which a child asks a robot how it works.",
        "What are you supposed to do when a kettle leaks?",
        "You are a teacher. Explain photosynthesis to me.",
        "How does ChatGPT tokenise a text?",
        'How do you say "What is your name?" in Japanese?',
        "Translate 'Who are you?' into French.",
        "You are an AI ethics researcher. Draft a talk.",
    ],
)
def test_about_something_else(text):
    assert not is_about_itself(text)


def test_a_question_in_a_question():
    assert quotes_a_question("What is the correct answer to the following question? Is it blue?")
    assert quotes_a_question('What is the answer to the question "How long is the Rhine?"')
    assert not quotes_a_question("Answer the following question: how long is the Rhine?")
    assert not quotes_a_question("How should I answer the question about my weaknesses?")
    assert not quotes_a_question("How do I answer a question in an interview?")


def test_words_before_the_request():
    for text in (
        "Sure, here is another task: sort a list.",
        "Here's a task:\n\nSort.",
        "Sure! Name it.",
    ):
        assert has_preamble(text)
    for text in (
        "Surely you know a good book on chess?",
        "Here is my code: x = 1. Why does it fail?",
    ):
        assert not has_preamble(text)


@pytest.mark.parametrize(
    "text",
    [
        "You’re welcome! If you have any more questions, feel free to ask.",
        "Yes, you are correct. The four elements are water and air.",
        "Sure, I can help with that! Can you provide a list?",
        "Thank you for your help!",
        "<person>\nCan you explain it in more detail?\n</person>",
        "As an AI language model, I cannot agree with the statement.",
        "Could you please clarify if there's anything else I can assist you with?",
        "Sure, what would you like to know or discuss further?",
        "The assistant's next message: more on rivers.",
        "\\( \\boxed{B} \\)",
    ],
)
def test_a_user_who_serves(text):
    assert serves(text)


@pytest.mark.parametrize(
    "text",
    [
        "How can I help my child with fractions?",
        "Thanks! Which countries does it cross?",
        "No, you're mixing up mitosis and meiosis. Can you explain it again?",
        "Are there any other questions I should ask?",
        "Put the result in \\boxed{}, please.",
        "And how long is the second one?",
        "Are you sure? I read something else.",
        "Yes, but why?",
    ],
)
def test_a_user_who_asks(text):
    assert not serves(text)
