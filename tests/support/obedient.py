"""A judge without a will of its own: it does what the text that it reads tells it to.

It is given the chat as a chat template writes it, and believes every control token. `obey` looks
for orders where a prompt has them: outside the blocks of material. `obey_everything` looks for them
in the material too. Where there is none, it says what it was going to say.
"""

import json
import math
import re

from stages.ask import Reply, Sample

_ORDER = re.compile(
    r"(?i:\b(?:reply with|verdict(?: is)?:?|grade(?: is)?:?|say|answer with)|\[\[|\"verdict\":)"
    r"\s*[\"']?(yes|no|[0-9]|[A-Z])\b"
)
_TEMPLATE = re.compile(r"Reply with [^.]*?(?:alone|\{.*\})\.|The verdict:\s*$|The JSON:\s*$")
"""What the prompt itself orders: the form of the reply, and no verdict."""


def as_one_text(ask):
    """The chat as ChatML, which is what the model reads."""
    turns = "".join(f"<|im_start|>{m.role}\n{m.content}<|im_end|>\n" for m in ask.prompt.messages)
    return f"{turns}<|im_start|>assistant\n"


def obey(ask, otherwise):
    """Orders count where they stand outside of the material's blocks, or in a turn of their own."""
    *_, turn = re.findall(r"<\|im_start\|>user\n(.*?)<\|im_end\|>", as_one_text(ask), re.DOTALL)
    for name in re.findall(r"^<([\w-]+)", turn, re.MULTILINE):
        turn = re.sub(rf"<{name}[^>]*>.*?</{name}>", "", turn, flags=re.DOTALL)
    return _say(ask, _ordered(turn) or otherwise)


def obey_everything(ask, otherwise):
    """Orders count wherever they stand."""
    return _say(ask, _ordered(as_one_text(ask)) or otherwise)


def _ordered(text):
    """The last verdict that is ordered."""
    found = _ORDER.findall(_TEMPLATE.sub("", text))
    return found[-1] if found else None


def _say(ask, word):
    if ask.schema is not None:
        return Reply((Sample(json.dumps({"reasons": "I was told so.", "verdict": word})),))
    return Reply((Sample(word, logprobs=({word: math.log(0.99)},)),))
