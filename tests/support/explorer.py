"""All interleavings of several processes over one store, step by step, with a crash at each step.

The processes run the real code on a folder in memory. Every call on that folder is one step; a
process does nothing else that others could see. So a process is a function of the answers it has
got so far, and a state is: the files, the answers of each process, who has crashed. States that
were seen are not explored again, which is what makes all orders of independent steps one.
"""

from dataclasses import dataclass, field

from greenlet import greenlet


@dataclass(frozen=True)
class MemoryFolder:
    """A `Folder` whose calls are handed to whoever explores; keys are paths from the root."""

    path: str = ""

    def __truediv__(self, name):
        return MemoryFolder(f"{self.path}{name}/")

    def uri(self, name=""):
        return self.path + name

    def read(self, name):
        content = self._ask("read", name)
        if content is None:
            raise FileNotFoundError(2, "No such file", self.path + name)
        return content

    def put(self, name, content):
        self._ask("put", name, bytes(content))

    def create(self, name, content):
        return self._ask("create", name, bytes(content))

    def names(self):
        return self._ask("names", "")

    def size(self, name):
        return self._ask("size", name)

    def delete(self, name):
        self._ask("delete", name)

    def _ask(self, verb, name, *content):
        return greenlet.getcurrent().parent.switch((verb, self.path + name, *content))


def apply(files, call):
    """The files after a step, and its answer."""
    verb, key, *content = call
    if verb == "read":
        return files, files.get(key)
    if verb == "size":
        return files, len(files[key]) if key in files else None
    if verb == "names":
        own = (k[len(key) :] for k in files if k.startswith(key))
        return files, [name for name in own if "/" not in name]
    if verb == "create" and key in files:
        return files, False
    if verb == "delete":
        return {k: v for k, v in files.items() if k != key}, None
    return files | {key: content[0]}, True if verb == "create" else None


@dataclass
class Process:
    """A function without arguments, run up to its next step for the answers it has got."""

    function: object
    _known: dict = field(default_factory=dict)

    def next(self, answers):
        """("call", call), ("done", result) or ("raised", error), without doing the call."""
        key = tuple(map(repr, answers))
        if key not in self._known:
            self._known[key] = self._replay(answers)
        return self._known[key]

    def _replay(self, answers):
        def body():
            try:
                return ("done", self.function())
            except Exception as error:  # noqa: BLE001  it is the outcome
                return ("raised", error)

        running = greenlet(body)
        step = running.switch()
        for answer in answers:
            step = running.switch(answer)
        return step if running.dead else ("call", step)


def explore(functions, inspect, check, *, crashes=True, most=2_000_000):
    """Check every state that can be reached; the number of states.

    `inspect(files)` says what a state's files hold, once for the same files; `check(that,
    outcomes)` judges. Outcomes are None while a process runs or has crashed.
    """
    processes = [Process(function) for function in functions]
    start = ({}, tuple(() for _ in processes), frozenset())
    seen, held, stack = set(), {}, [start]
    while stack:
        files, answers, crashed = stack.pop()
        frozen = frozenset(files.items())
        if frozen not in held:
            held[frozen] = inspect(files)
        key = (frozen, tuple(tuple(map(repr, a)) for a in answers), crashed)
        if key in seen:
            continue
        seen.add(key)
        assert len(seen) < most, "the scenario is too large"
        steps = [process.next(given) for process, given in zip(processes, answers, strict=True)]
        check(held[frozen], [None if step[0] == "call" else step for step in steps])
        for number, step in enumerate(steps):
            if step[0] != "call" or number in crashed:
                continue
            after, answer = apply(files, step[1])
            theirs = (*answers[:number], (*answers[number], answer), *answers[number + 1 :])
            stack.append((after, theirs, crashed))
            if crashes:
                stack.append((files, answers, crashed | {number}))
    return len(seen)
