"""All interleavings of several processes over one store, step by step, with a crash at each step.

The processes run the real code on a folder in memory. Every call on that folder is one step; a
process does nothing else that others could see. So a process is a function of the answers it has
got so far, and a state is: the files, the answers of each process, who has crashed. States that
were seen are not explored again, which is what makes all orders of independent steps one.
"""

from dataclasses import dataclass

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


class Process:
    """A function without arguments, run up to its next step for the answers it has got.

    What it has got is a number: 0 for nothing, and one for each way to go on from there.
    """

    def __init__(self, function):
        self._function, self._got, self._numbers = function, [()], {}
        self._steps = [self._replay(())]

    def next(self, got):
        """("call", call), ("done", result) or ("raised", error), without doing the call."""
        return self._steps[got]

    def after(self, got, answer):
        """The number of what it has got once this answer came too."""
        key = got, repr(answer)
        if key not in self._numbers:
            self._numbers[key] = len(self._got)
            self._got.append((*self._got[got], answer))
            self._steps.append(self._replay(self._got[-1]))
        return self._numbers[key]

    def _replay(self, answers):
        def body():
            try:
                return ("done", self._function())
            except Exception as error:  # noqa: BLE001  it is the outcome
                return ("raised", error)

        running = greenlet(body)
        step = running.switch()
        for answer in answers:
            step = running.switch(answer)
        return step if running.dead else ("call", step)


class Files:
    """All contents that the store can have, by number, each looked at once; 0 is the empty one."""

    def __init__(self, inspect):
        self._inspect, self._numbers, self._known, self._steps = inspect, {}, [], {}
        self._number({})

    def _number(self, files):
        frozen = frozenset(files.items())
        if frozen not in self._numbers:
            self._numbers[frozen] = len(self._known)
            self._known.append((files, self._inspect(files)))
        return self._numbers[frozen]

    def holds(self, number):
        """What `inspect` says."""
        return self._known[number][1]

    def after(self, number, call):
        """The number after a step, and the step's answer."""
        if (number, call) not in self._steps:
            files, answer = apply(self._known[number][0], call)
            self._steps[number, call] = self._number(files), answer
        return self._steps[number, call]


def explore(functions, inspect, check, *, crashes=True, most=2_000_000):
    """Check every state that can be reached; the number of states.

    `inspect(files)` says what a state's files hold, once for the same files; `check(that,
    outcomes)` judges. Outcomes are None while a process runs or has crashed.
    """
    processes, files = [Process(function) for function in functions], Files(inspect)
    seen, stack = set(), [(0, (0,) * len(processes), frozenset())]
    while stack:
        state = stack.pop()
        if state in seen:
            continue
        seen.add(state)
        assert len(seen) < most, "the scenario is too large"
        here, got, crashed = state
        steps = [process.next(theirs) for process, theirs in zip(processes, got, strict=True)]
        check(files.holds(here), [None if step[0] == "call" else step for step in steps])
        for number, step in enumerate(steps):
            if step[0] != "call" or number in crashed:
                continue
            there, answer = files.after(here, step[1])
            theirs = processes[number].after(got[number], answer)
            stack.append((there, (*got[:number], theirs, *got[number + 1 :]), crashed))
            if crashes:
                stack.append((here, got, crashed | {number}))
    return len(seen)
