"""What decides the rows of `generate.structured` beside its settings as sorted JSON."""

from stages.generate.structured import Structured


def test_the_order_of_properties_decides():
    """A grammar wants them in their order: reasoning before the answer is another question."""
    first, second = {"reasoning": {"type": "string"}}, {"answer": {"type": "string"}}
    made = [
        Structured(json_schema={"type": "object", "properties": both}).identity()
        for both in ({**first, **second}, {**second, **first})
    ]
    assert made[0] != made[1]
