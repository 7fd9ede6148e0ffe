"""The error model: one type per boundary crossed.

`UserError`   the request cannot be carried out as it stands: a recipe, an argument, a set-up.
              Printed as one cause and one remedy, exit code 2, never a traceback.
`BusyError`   a `UserError` that time heals: another run holds the store. Exit code 75.
`RunError`    the run had to stop: too many failed rows, a full disk, a lost engine. Exit code 1.
`EngineError` one call to an engine failed. The row becomes `Failed`; the run goes on.
`ReplyError`  a reply came and cannot be read. The stage's `on_parse_error` decides.

Anything else that is raised is a bug of ours; it fails its row with the traceback kept.
"""

_LONGEST = 1_000
"""Characters of a cause or a remedy."""


class BowerbirdError(Exception):
    """A cause and the remedy that goes with it."""

    def __init__(self, cause: str, remedy: str = "") -> None:
        self.cause, self.remedy = in_one_line(cause), in_one_line(remedy)
        super().__init__(f"{self.cause}. {self.remedy}" if remedy else self.cause)

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows instead of a traceback (IPython's protocol)."""
        return [f"error  {self.cause}", *([f"remedy {self.remedy}"] if self.remedy else [])]


class UserError(BowerbirdError):
    """What was asked for is wrong or incomplete."""


class BusyError(UserError):
    """Another run holds the store; the same request can succeed later."""


class RunError(BowerbirdError):
    """The run cannot go on."""


class EngineError(Exception):
    """One call failed.

    `retryable` says whether the same call may succeed later; `fatal`, that no other call of
    this engine can succeed either (the engine is dead, the endpoint refuses the key).
    """

    def __init__(self, message: str, *, retryable: bool = False, fatal: bool = False) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.fatal = fatal

    def __reduce__(self) -> tuple[object, ...]:
        """Keep the flags when the error crosses to another process."""
        return (_engine_error, (str(self), self.retryable, self.fatal))


def _engine_error(message: str, retryable: bool, fatal: bool) -> EngineError:
    return EngineError(message, retryable=retryable, fatal=fatal)


class ReplyError(Exception):
    """A reply does not say what the stage asked for. `call`: which; default the last."""

    def __init__(self, message: str = "", call: int = -1) -> None:
        super().__init__(message)
        self.call = call


def in_one_line(text: str) -> str:
    """`text` without line breaks and control characters, cut where nobody reads on."""
    short = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    return "".join(c if c.isprintable() else " " for c in short)


def first_line(error: BaseException) -> str:
    """The first line of an error's message; its type where it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
