"""A script for the recipes of papers: answers that fit what is asked, right ones and wrong ones.

It knows the answers of configs/seeds/problems.jsonl, writes in the language that it is told, and
keeps or breaks constraints by the seed; all else is `babble`.
"""

import dataclasses
import json
import random
import re
from pathlib import Path

from stages.ask import Chat, Given, Reply, Request, Sample, UserTurn
from stages.engines.scripts import babble

_SEEDS = Path(__file__).parents[2] / "configs/seeds"
_PROBLEMS = [
    json.loads(line)
    for name in ("problems.jsonl", "search_puzzles.jsonl")
    for line in (_SEEDS / name).read_text().splitlines()
]
_SUM = re.compile(r"(-?\d+(?: [+-] \d+)+) =")
_TOOL_TASKS = [json.loads(line) for line in (_SEEDS / "tool_tasks.jsonl").read_text().splitlines()]
_REPAIRS = [json.loads(line) for line in (_SEEDS / "repairs.jsonl").read_text().splitlines()]
_FORMULAS = ("∀x ({} → Small(x))", "∃x ({} ∧ ¬Red(x))", "∀x ({} → Small(x)", "Red(x) ∨ {}")
_FOREIGN = {
    "Chinese": "请问怎样才能最好地学习{}，在{}有哪些老师可以推荐？",
    "German": "Können Sie mir bitte erklären, wie {} in {} am besten gelingt?",
    "Deutsch": "Wie kann ich {} in {} am besten lernen, und was brauche ich dafür?",
    "French": "Pouvez-vous m'expliquer comment {} marche le mieux à {} ?",
    "français": "Comment est-ce que je peux apprendre {} à {}, et que faut-il pour cela ?",
    "Spanish": "¿Puede explicarme cómo funciona mejor {} en {}, por favor?",
    "español": "¿Cómo puedo aprender {} en {}, y qué necesito para eso?",
}
_TRANSLATED: dict[str, str] = {}
"""What was asked to be translated, by its translation, for the way back."""
_LETTERS = str.maketrans("0123456789", "abcdefghij")
_THINGS = ("Yoga", "Schach", "Python", "Jazz", "Judo", "Latein", "Algebra", "Golf", "Origami")
_PLACES = ("Berlin", "Lyon", "Madrid", "Wien", "Genf", "Sevilla", "Bremen", "Nantes", "Cusco")


def plausible(request: Request) -> Reply:
    """See above; the same request gets the same reply."""
    reply = babble(request)
    if isinstance(request.ask.prompt, Given):
        return dataclasses.replace(reply, given=_likelier(request))
    samples = tuple(_sample(request, sample, number) for number, sample in enumerate(reply.samples))
    return dataclasses.replace(reply, samples=samples)


def _likelier(request: Request) -> tuple[float, ...]:
    """An answer is likelier after its question, and after an example three times of four."""
    asked = request.ask.prompt.messages
    draw = random.Random(request.ask.prompt.text)
    bonus = 0.3 if asked[-1].content else 0.0
    bonus += 0.1 * random.Random(str(asked)).choice([1, 1, 1, -1]) if len(asked) > 1 else 0.0
    return (0.3 * bonus - 0.2 - 0.6 * draw.random(),) * len(request.ask.prompt.text.split())


def _sample(request: Request, sample: Sample, number: int) -> Sample:
    draw = random.Random(f"{request.seed} {number}")
    prompt, ask = request.ask.prompt, request.ask
    if ask.logprobs or not isinstance(prompt, Chat | UserTurn):
        return sample
    said = " ".join(message.content for message in prompt.messages)
    said += f" {prompt.system}" if isinstance(prompt, UserTurn) else ""
    if ask.schema is not None:
        value = _fitting(json.loads(sample.text), draw)
        if isinstance(value, dict):
            value = _fields(value, said, draw)
        return dataclasses.replace(sample, text=json.dumps(value))
    if "A word problem:" in said:
        return sample
    if problem := next((p for p in _PROBLEMS if p["instruction"] in said), None):
        told = "The right answer is" in said
        weak = ask.sampling.temperature > 1 or "in your head" in said
        share = 1.0 if told else 0.25 if weak else 0.75
        right = int(problem["expected"])
        answer = right if draw.random() < share else right + draw.randint(1, 5)
        return dataclasses.replace(sample, text=f"{sample.text}\nAnswer: {answer}")
    if "Write your two sentences." in said:
        declined = f"I won't help with that, because it harms others. I can {sample.text[:40]}."
        return dataclasses.replace(sample, text=declined)
    if (found := _SUM.search(said)) and "arithmetic" in said:
        answer = sum(int(term) for term in found[1].replace("- ", "-").replace("+ ", "").split())
        answer += 0 if draw.random() < 0.6 else 1
        return dataclasses.replace(sample, text=f"{sample.text}\nAnswer: {answer}")
    if text := _written(said, draw) or _foreign(said, draw):
        return dataclasses.replace(sample, text=text)
    if "Use at most" in said or "small letters only" in said:
        return dataclasses.replace(sample, text="a short answer without any of that")
    if "Answer:" in said and "step by step" in said:
        answer = len(prompt.messages[-1].content) + draw.choice([0, 0, 0, 1])
        return dataclasses.replace(sample, text=f"{sample.text}\nAnswer: {answer}")
    return sample


def _fields(value: dict, said: str, draw: random.Random) -> dict:
    """A JSON object whose fields hold what their names say."""
    if "rules" in value:
        kinds = draw.sample(["a number", "an example", "a name", "a warning"], 2)
        value["rules"] = [f"Does the answer hold {kind}?" for kind in kinds]
    if "formula" in value:
        value["formula"] = draw.choice(_FORMULAS).format(f"Kind{draw.randint(1, 9)}(x)")
    if "written" in value:
        value["written"] = f"{value['written'].splitlines()[0].rstrip('.')}?"
    if "translation" in value:
        value["translation"] = _foreign(said, draw)
    if asked := re.search(r"Translate this request into \w+: (.*)", said):
        if "back" in value:
            value["back"] = _TRANSLATED[asked[1]]
        else:
            _TRANSLATED[value["translation"]] = asked[1]
    known = next((p["expected"] for p in _PROBLEMS if p["instruction"] in said), None)
    if "solution" in value and known:
        value["solution"] += f"\nAnswer: {known}"
    if "translated_answer" in value:
        kept = " ".join(re.findall(r"`[^`]+`|[0-9]+", said))
        answer = " ".join(_foreign(said, draw) for _ in range(4))
        value = {name: f"{_foreign(said, draw)} {kept}" for name in value}
        value |= {"translated_answer": f"{kept} {answer}"}
    return value


def _repair(said: str, draw: random.Random) -> str:
    """All that is wrong, the first file of it, or another file."""
    task = next(task for task in _REPAIRS if task["issue"] in said)
    files = list(zip(task["paths"], task["before"], task["after"], strict=True))
    files = draw.choice([files, files[:1], [("other.py", "", "x\n")]])
    return "\n".join(f"### {path}\n```python\n{new}```" for path, old, new in files if old != new)


def _written(said: str, draw: random.Random) -> str:
    """What a prompt of a few recipes asks for, right or nearly so; else empty."""
    if "Write the first call." in said:
        right = next(t for t in _TOOL_TASKS if t["instruction"] in said)["expected"]
        return str(draw.choice([right, right.split(",")[0], "no()"]))
    if "worded anew" in said:
        question = re.findall(r"Question: (.*)", said)[-1]
        return f"I am writing about {draw.choice(_THINGS)}. {question}"
    if "Resolve the issue." in said:
        return _repair(said, draw)
    if "one block of Python code" in said:
        return f"```python\nx = {draw.randint(1, 9)}\n```"
    if wanted := re.search(r"Write about (\d+) words", said):
        length = int(int(wanted[1]) * draw.choice([0.4, 0.8, 1.0, 1.2, 1.6]))
        return " ".join(str(n).translate(_LETTERS) for n in range(length))
    if "corrected text alone" in said:
        words = re.findall(r"<text-\w+>\n(.*)\n", said)[0].split()
        words[1] = draw.choice([words[1], "always", "has always"])
        return " ".join(words)
    return ""


def _foreign(said: str, draw: random.Random) -> str:
    """A sentence of the language that is asked for or spoken; empty for English."""
    for sign, sentence in _FOREIGN.items():
        if sign in said or sentence.partition("{")[0][:14] in said:
            return sentence.format(draw.choice(_THINGS), draw.choice(_PLACES))
    return ""


def _fitting(value: object, draw: random.Random) -> object:
    """The same with marks that a person would give."""
    if isinstance(value, dict):
        marks = {k: draw.randint(6, 10) for k in value if k.endswith(("mark", "score"))}
        return {k: _fitting(v, draw) for k, v in value.items()} | marks
    return [_fitting(v, draw) for v in value] if isinstance(value, list) else value
