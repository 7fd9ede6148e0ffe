"""Judges of pairs whose biases are known, for the scripted engine.

`main` of a recipe names one as `tests.support.biased:position`, and so on. Each says 0.5 for the
first answer where its bias says nothing; answers hold how good they are as "quality 7".
"""

import math
import random
import re

from stages.ask import Reply, Request, Sample

BIAS = 0.2
_ANSWERS = re.compile(r'<answer-\w+ number="\d">\n(.*?)\n</answer-', re.DOTALL)
_GRADED = re.compile(r"<answer-\w+>\n(.*?)\n</answer-", re.DOTALL)
_QUALITY = re.compile(r"quality (\d)")


def _answers(request: Request) -> list[str]:
    return _ANSWERS.findall(request.ask.prompt.messages[-1].content)


def _quality(request: Request) -> tuple[int, int]:
    """Of both answers; -1 of one that says nothing of it."""
    found = [_QUALITY.search(text) for text in _answers(request)]
    one, two = (int(each[1]) if each else -1 for each in found)
    return one, two


def _says(first: float) -> Reply:
    first = min(max(first, 1e-6), 1 - 1e-6)
    position = {"1": math.log(first), "2": math.log(1 - first)}
    word = max(position, key=lambda each: position[each])
    return Reply((Sample(word, logprobs=(position,)),), model="biased")


def position(request: Request) -> Reply:
    """Leans to the first answer."""
    return _says(0.5 + BIAS)


def last(request: Request) -> Reply:
    """Leans to the second answer, beside knowing the better one."""
    one, two = _quality(request)
    return _says(0.5 - BIAS + 0.2 * ((one > two) - (one < two)))


def length(request: Request) -> Reply:
    """Leans to the longer answer."""
    one, two = map(len, _answers(request))
    return _says(0.5 + BIAS * ((one > two) - (one < two)))


def markdown(request: Request) -> Reply:
    """Leans to the answer with list items."""
    one, two = (text.count("\n- ") for text in _answers(request))
    return _says(0.5 + BIAS * ((one > two) - (one < two)))


def fair(request: Request) -> Reply:
    """Knows the better answer, and is sure to nine parts of ten."""
    one, two = _quality(request)
    return _says(0.9 if one > two else 0.1 if one < two else 0.5)


def own(request: Request) -> Reply:
    """Leans to answers that it wrote itself."""
    one, two = ("biased wrote this" in text for text in _answers(request))
    return _says(0.5 + BIAS * (int(one) - int(two)))


def gullible(request: Request) -> Reply:
    """Takes every probe for the best answer."""
    one, two = ("quality" in text for text in _answers(request))
    return _says(0.5 + 0.4 * (int(two) - int(one)))


def tied(request: Request) -> Reply:
    """Says that neither is better, and leans to the first answer with what is left of belief."""
    words = {"1": math.log(0.06), "2": math.log(0.04), "0": math.log(0.9)}
    return Reply((Sample("0", logprobs=(words,)),), model="tied")


def knowing(request: Request) -> Reply:
    """Grades 5 what holds "quality 5" or more, and 1 all else."""
    found = _QUALITY.search(_GRADED.findall(request.ask.prompt.messages[-1].content)[-1])
    word = "5" if found and int(found[1]) > 4 else "1"
    return Reply((Sample(word, logprobs=({word: 0.0},)),), model="knowing")


def steady(request: Request) -> Reply:
    """Grades by the text alone: asked again it says the same."""
    draw = random.Random(request.ask.prompt.messages[-1].content)
    weights = [draw.random() for _ in range(5)]
    grades = {str(n + 1): math.log(weight / sum(weights)) for n, weight in enumerate(weights)}
    return Reply((Sample("3", logprobs=(grades,)),), model="steady")
