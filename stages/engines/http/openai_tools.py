"""Tools in OpenAI's protocol: offered with a call, called in a reply, answered in a turn."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stages.ask import Message, Tool, ToolCall


def tools(offered: Iterable[Tool]) -> list[dict[str, Any]]:
    """The functions that a reply may call."""
    return [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.parameters,
            },
        }
        for tool in offered
    ]


def turns(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Messages, with the calls of an assistant's turn and the call that a result belongs to."""
    return [_turn(message) for message in messages]


def _turn(message: Message) -> dict[str, Any]:
    turn: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        turn["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in message.tool_calls
        ]
    return turn | ({"tool_call_id": message.tool_call_id} if message.role == "tool" else {})


def tool_calls(message: Mapping[str, Any]) -> tuple[ToolCall, ...]:
    """The calls in a reply's message.

    Raises:
        KeyError, TypeError, ValueError: they do not have the protocol's form.
    """
    calls = [(call["id"], call["function"]) for call in message.get("tool_calls") or ()]
    found = tuple(ToolCall(each, made["name"], made["arguments"]) for each, made in calls)
    if not all(isinstance(part, str) for c in found for part in (c.id, c.name, c.arguments)):
        raise TypeError("a tool call that is no text")
    return found
