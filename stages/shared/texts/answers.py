"""Short answers, such as that of a sum: when two of them are the same."""

import re


def normal(answer: str) -> str:
    """The answer in the form in which equal ones are equal."""
    text = answer.strip().strip("*$`").strip().removesuffix(".").strip()
    number = text.replace("−", "-").lstrip("$€£").replace(",", "").removesuffix("%").strip()
    if re.fullmatch(r"-?(\d+(\.\d+)?|\.\d+)", number):
        if "." in number:
            number = number.rstrip("0").rstrip(".")
        sign, digits = ("-", number[1:]) if number.startswith("-") else ("", number)
        digits = digits.lstrip("0") or "0"
        digits = f"0{digits}" if digits.startswith(".") else digits
        return digits if digits == "0" else sign + digits
    return re.sub(r"\s+", " ", text)
