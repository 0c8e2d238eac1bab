"""Wrong calls of the API, and how the sentence begins that refuses each of them."""

from typing import Any

LINE = "Ann: hello there."
LONG = "x" * 12_001


def values(endpoint: str, name: str, sentence: str, *wrong: Any, **others: Any) -> list:
    """One call for each wrong value of an argument, beside correct other arguments."""
    return [(endpoint, {**others, name: value}, f"{name} {sentence}") for value in wrong]


# (endpoint, arguments, beginning of the sentence)
BAD_CALLS: list[tuple[str, dict[str, Any], str]] = [
    *values("write", "prompt", "must be a text, not", 1, True, [], {}, {"path": "/etc/passwd"}),
    *values("write", "prompt", "has 12,001 characters; at most 12,000 are allowed.", LONG),
    *values(
        "write", "cast", "must be a list of speakers' names", "Ann", [1], {}, [["Ann"]], [None]
    ),
    *values("write", "cast", "names 'Nobody', who is not a speaker of The Cafe", ["Nobody"]),
    *values("write", "cast", "has 100 names; at most 40 are allowed.", ["x"] * 100),
    *values("write", "next_speakers", "must be a list of speakers' names", "Ann", 3),
    *values("write", "next_speakers", "names 'Nobody', who is not a speaker", ["Nobody"]),
    *values("write", "preset", "must be one of safe, balanced, wild, not", "WILD", 1, ["wild"]),
    *values("write", "length", "must be from 0 to 1000, not", -1, 1001, 1e30, 10**9),
    *values("write", "length", "must be a whole number, not 1.5.", 1.5),
    *values("write", "length", "must be a number, not", "20", True, []),
    *values("write", "temperature", "must be from 0 to 2, not", -0.1, 2.1),
    *values("write", "temperature", "must be a number, not", "hot", True),
    *values("write", "top_k", "must be from 0 to 1000, not", -1, 1001),
    *values("write", "top_k", "must be a whole number, not", 0.5),
    *values("write", "top_p", "must be from 0.01 to 1, not", 0, 1.01),
    *values("write", "min_p", "must be from 0 to 1, not", -0.1, 1.1),
    *values("write", "repetition_penalty", "must be from 1 to 2, not", 0.9, 2.1),
    *values("write", "no_repeat_ngram_size", "must be from 0 to 100, not", -1, 101),
    *values("write", "seed", "must be from 0 to 2147483647, not", -1, 2**31),
    *values("write", "seed", "must be a whole number, not", 1.5),
    *values("write", "model", "must be one of ", "none", "../../etc/passwd"),
    *values("write", "model", "must be a text, not", 7, ["the-cafe"]),
    *values("write", "invent_words", "must be true or false.", "yes", 1, 0),
    ("write", {"colour": 1}, "There is no argument 'colour': prompt, cast, "),
    *values("takes", "n", "must be a whole number from 1 to 5, not", 0, 6, 1.5, "3", None, True),
    *values("compare", "one", "must be an object with options of that scene", "wild", [], {"x": 1}),
    *values("compare", "two", "must be an object with options of that scene", {"seed": 1}),
    ("compare", {"one": {"preset": "loud"}}, "preset must be one of safe, balanced, wild"),
    ("compare", {"two": {"temperature": 9}}, "temperature must be from 0 to 2, not 9."),
    *[
        ("open_scene", {"scene": text}, "This is not a scene's JSON: copy all of it.")
        for text in ("", "not json", "[" * 5_000)
    ],
    *[
        ("open_scene", {"scene": text}, "This JSON is not a scene: it lacks format")
        for text in ("[]", "{}")
    ],
    ("open_scene", {"scene": '{"format": "cold-open-scene"}'}, "This scene has version None"),
    ("open_scene", {"scene": 7}, "A scene's JSON must be a text of at most"),
    *values("rewrite_line", "line", "must be a whole number", -2, 1, 1.5, "0", None, text=LINE),
    ("rewrite_line", {"text": "", "line": 0}, "There is no line yet: write something first."),
    *values("continue_scene", "line", "must be a whole number from -1 to 0", -2, 9, "a", text=LINE),
    *values("alternatives", "word", "must be a whole number from 0 to 4", -1, 99, None, text=LINE),
    *values("alternatives", "n", "must be a whole number from 1 to 50", 0, 51, text=LINE, word=1),
    *values("take_alternative", "alternative", "must be a word", "", "  ", text=LINE, word=1),
    *values("take_alternative", "alternative", "must be a text", None, text=LINE, word=1),
    *values("take_alternative", "word", "must be a whole number", 99, text=LINE, alternative="no"),
    *[
        (endpoint, {"text": wrong}, f"text {sentence}")
        for endpoint in ("surprise", "unknown_words", "fountain")
        for wrong, sentence in ((None, "must be a text, not None."), (LONG, "has 12,001 char"))
    ],
    ("surprise", {}, "The argument text is missing."),
    ("rewrite_line", {"text": LINE}, "The argument line is missing."),
    ("nothing", {}, "There is no such endpoint; there are write, takes, "),
]
