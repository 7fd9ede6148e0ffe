"""A reply that repeats the prompt is no reply; one that speaks of the same things is."""

import pytest

from stages.errors import ReplyError
from stages.shared.texts.leaks import refuse_leaks

TEMPLATE = """Write one question that this person could send to an AI assistant.
{% if formal %}Use a formal voice, without any contractions.{% endif %}

<person>
{{ persona }}
</person>"""


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("Sure: write one question that this person could send to", "write one question that"),
        ("WRITE ONE QUESTION, THAT THIS PERSON COULD SEND", "write one question"),
        ("<person> How long is the Nile?", "<person>"),
        ("How long is the Nile?</person>", "</person>"),
        ("How long is the Nile?<|im_end|>", r"<\|im_end\|>"),
        ("How long is {{ persona }}?", r"\{\{ persona"),
    ],
)
def test_what_repeats_the_prompt(text, what):
    with pytest.raises(ReplyError, match=what):
        refuse_leaks(text, TEMPLATE)


def test_examples_in_a_list_are_the_prompts_own():
    listed = "{% set a = ['Is there a drink for the evening without any sugar?'] %}{{ a[0] }}"
    with pytest.raises(ReplyError, match="is there a drink"):
        refuse_leaks("Is there a drink for the evening without any sugar in it?", listed)


@pytest.mark.parametrize(
    "text",
    [
        "How long is the Nile?",
        "Which question could this person send to the mayor?",
        "Is <b>bold</b> still used? What does x < y > z mean?",
        "",
        "Write one question that this person may like.",
        r"So it is \\boxed{\\frac{3}{4}}, and x^{2^{n}} < 5.",
        "if (x) { return {a: {b: 1}} }",
    ],
)
def test_what_does_not(text):
    refuse_leaks(text, TEMPLATE)


def test_what_stands_in_a_hole_is_the_rows():
    refuse_leaks("a nurse who plans the ward's rota every week", "About: {{ persona }}")


def test_a_label_of_the_prompt_at_the_beginning_of_a_line():
    template = "Make it harder.\n\nThe request: {{ instruction }}\n\nEnd with Answer: and a number."
    for text in ("The request: Name a river.", "Sure.\n**The request: Name a river."):
        with pytest.raises(ReplyError, match="begins as one of the prompt's"):
            refuse_leaks(text, template)
    refuse_leaks("Answer the request: name a river.", template)
    refuse_leaks("Answer: 42", template)


def test_marks_with_a_nonce():
    template = 'Judge it.\n<text-{{ nonce }} of="x">\n{{ draft }}\n</text-{{ nonce }}>'
    for text in ("<text-bdf> Hello.", "Hello.</text-bdf>", "Hello.\n</text-xyz>"):
        with pytest.raises(ReplyError, match="mark of the prompt"):
            refuse_leaks(text, template)
    refuse_leaks("A <text> and a text-book.", template)
