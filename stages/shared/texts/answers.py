"""Short answers, such as that of a sum: when two of them are the same."""

import re


def comparable(answer: object) -> str:
    """Equal for answers that are the same, whatever their case."""
    return normal(str(answer)).casefold()


def normal(answer: str) -> str:
    """The answer in the form in which equal ones are equal."""
    text = answer.strip().strip("*`").strip().removesuffix(".").strip()
    text = text.removeprefix("$").removesuffix("$") if text.count("$") == 2 else text
    number = re.sub(r"[−–]", "-", text).replace("{,}", ",").replace("\\!", "").replace("\\", "")
    number = re.sub(r"^([-+])\s+", r"\1", number.removesuffix("%").strip()).removeprefix("+")
    number = re.sub(r"^(-?)\s?[$€£]\s?(-?)", r"\1\2", number)
    # A space within digits is one of thousands or parts two numbers: "10 000", but "3 4".
    if re.fullmatch(r"-?\d{1,3}(\s\d{3})+(\.\d+)?", number):
        number = re.sub(r"\s", "", number)
    if re.fullmatch(r"-?\d{1,3}(,\d{3})+(\.\d+)?", number):
        number = number.replace(",", "")
    if re.fullmatch(r"-?(\d+(\.\d+)?|\.\d+)", number):
        return _plain(number)
    return re.sub(r"\s+", " ", text)


def _plain(number: str) -> str:
    """Digits without zeros that say nothing."""
    sign, digits = ("-", number[1:]) if number.startswith("-") else ("", number)
    if "." in digits:
        digits = digits.rstrip("0").rstrip(".")
    digits = digits.lstrip("0") or "0"
    digits = f"0{digits}" if digits.startswith(".") else digits
    return digits if digits == "0" else sign + digits
