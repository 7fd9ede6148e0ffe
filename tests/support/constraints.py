"""Schemas and regular expressions: hostile ones, harmless ones, and those just let through."""


def nested(depth, leaf):
    for _ in range(depth):
        leaf = {"type": "object", "properties": {"a": leaf}}
    return leaf


def lists(depth, count):
    made = {"type": "string"}
    for _ in range(depth):
        made = {"type": "array", "items": made, "maxItems": count}
    return made


def chain(keys):
    """A schema that comes back to itself by `keys` without reading any text."""
    return [{key: [{"$ref": "#"}] if key.endswith("Of") else {"$ref": "#"}} for key in keys]


BAD_SCHEMAS = [
    *({"$ref": target} for target in (
        "#", "http://127.0.0.1/x.json", "https://example.org/s", "file:///etc/passwd", "other.json",
        "#/nowhere", "#/$defs/none", "#anchor/none", "ftp://x", "urn:uuid:1", "//host/x", "../x")),
    *chain(["anyOf", "oneOf", "allOf", "not", "if", "then", "else"]),
    {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
    {"$defs": {"a": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/a"}]}}, "$ref": "#/$defs/a"},
    {"$dynamicRef": "#x"},
    {"$recursiveRef": "#"},
    nested(40, {}), nested(200, {}), nested(900, {}),
    lists(2, 200), lists(5, 10), lists(3, 100), lists(20, 2),
    *({"type": "string", name: 10**p} for name in ("minLength", "maxLength") for p in (5, 9)),
    *({"type": "array", name: 10**p} for name in ("minItems", "maxItems") for p in (5, 12)),
    *({"type": "object", name: 10**6} for name in ("minProperties", "maxProperties")),
    {"enum": list(range(20_000))},
    {"enum": ["x" * 70_000]},
    {"type": "object", "properties": {f"p{i}": {"type": "string"} for i in range(1500)}},
    {"anyOf": [{"const": i} for i in range(2500)]},
    {"type": "bogus"}, {"type": 1}, {"type": ["string", 3]}, {"properties": []}, {"items": 3},
    {"required": "a"}, {"enum": "a"}, {"minLength": -1}, {"maxItems": "many"}, {"anyOf": []},
    {"pattern": 3}, {"multipleOf": 0}, {"additionalProperties": "no"}, {"x": float("nan")},
    {"x": float("inf")}, {"x": {1, 2}}, {"default": object()},
]  # fmt: skip
BAD_PATTERNS = [
    "(", ")", "[", "[z-a]", "*", "+", "?", "a**", "(?P<", "(?P<n>a)(?P<n>b)", "\\", "(?i", "(?z)",
    "{1,2}{3}", "a{2,1}", "(?<name>a)", "\\1", "(a)\\1", "(?P<a>b)(?P=a)", "(?=a)", "(?!a)",
    "(?<=a)",
    "(?<!a)b", "(?>a)", "a*+", "a++", "(a)?(?(1)b|c)", "(a*)*", "(a?)*", "(a|)*", "(a{0,3})+",
    "()*",
    "(^)*", "(\\b)+", "a{100000}", "a{1,99999}", "(a{200}){200}", "((a{30}){30}){30}",
    "a{9999999999}",
    "(" * 200 + ")" * 200 + "x" * 700, "x" * 1001, "(a{101}b{3}){100}",
]  # fmt: skip
GOOD_SCHEMAS = [
    {"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": False},
    {"type": "array", "items": {"$ref": "#"}, "maxItems": 3},
    {"$defs": {"tree": {"type": "object", "properties": {"left": {"$ref": "#/$defs/tree"}}}},
     "$ref": "#/$defs/tree"},
    {"type": "string", "pattern": "^([A-Z][a-z]* )*[0-9]{2,4}$"},
    {"anyOf": [{"type": "string", "maxLength": 500}, {"type": "null"}]},
    {"type": "object", "properties": {"$ref": {"type": "string"}, "pattern": {"type": "string"}}},
]  # fmt: skip
GOOD_PATTERNS = ["yes|no", "[0-9]{1,4}", "([A-Z][a-z]*, )+and [a-z]+", "(a+)+b", "^x$", "[^\\n]*"]
BORDER_SCHEMAS = [
    *GOOD_SCHEMAS,
    nested(14, {}), nested(15, {"type": "string"}),
    lists(2, 100), lists(4, 10), lists(13, 2), lists(1, 10_000),
    {"type": "string", "minLength": 10_000},
    {"type": "string", "maxLength": 10_000},
    {"type": "array", "minItems": 10_000, "items": {"type": "integer"}},
    {"enum": [f"value {i}" for i in range(1900)]},
    {"anyOf": [{"const": i} for i in range(900)]},
    {"type": "object", "properties": {f"p{i}": {"type": "string"} for i in range(450)}},
    {"type": "object", "minProperties": 5_000},
    {"allOf": [{"type": "object"}, {"properties": {"a": {"type": "string"}}}]},
    {"not": {"type": "string"}}, {}, {"type": ["string", "null", "integer"]},
    {"type": "string", "format": "date-time"}, {"type": "string", "format": "bogus"},
    {"type": "number", "multipleOf": 0.01}, {"type": "integer", "minimum": -(10**18)},
    {"type": "integer", "minimum": 3, "maximum": 2},
    {"type": "object", "patternProperties": {"^[a-z]{1,100}$": {"type": "integer"}}},
    {"type": "object", "required": ["a"], "properties": {}, "additionalProperties": False},
    {"type": "array", "prefixItems": [{"type": "string"}] * 50, "items": False},
    {"if": {"type": "string"}, "then": {"maxLength": 3}, "else": {"type": "integer"}},
]  # fmt: skip
BORDER_PATTERNS = [
    *GOOD_PATTERNS,
    "x" * 1000, "a{10000}", "a{0,10000}", "(a{100}){100}", "(ab|cd){0,5000}", "[\\s\\S]{1,9999}",
    "(((((((((a+)+)+)+)+)+)+)+)+)+", "|".join(f"word{i}" for i in range(110)), "\\d+\\w*\\D?\\W",
    "[^a-z]{3,}", "", "|", "a|", "\\u00e9+", "[\U0001F600-\U0001F64F]{2}", "^$", "\\bword\\b",
    "(?i:abc)",
    "(?:a|b|c){1,500}(?:d|e){1,10}", "\\x00", ".*", "(.|\n)*",
]  # fmt: skip
