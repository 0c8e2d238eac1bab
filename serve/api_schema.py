"""The arguments and results of the API's endpoints as JSON schemas, with their descriptions.

The API page, `/gradio_api/info` and `/gradio_api/openapi.json` show them.
"""

from typing import Any

from serve.limits import (
    LOW_TEMPERATURE,
    LOW_TEMPERATURE_NO_REPEAT,
    MAX_ALTERNATIVES,
    MAX_CAST,
    MAX_NEXT_SPEAKERS,
    MAX_SCENE_JSON,
    MAX_TAKES,
    MAX_TEXT,
    OPTION_RANGES,
)
from serve.scenes.generation import ENDINGS
from serve.scenes.scene import PRESETS, Scene

Schema = dict[str, Any]


def text(description: str, longest: int = MAX_TEXT) -> Schema:
    """The schema of a text."""
    return {"type": "string", "maxLength": longest, "description": description}


def names(description: str, most: int) -> Schema:
    """The schema of a list of speakers' names."""
    items = {"type": "string"}
    return {"type": "array", "items": items, "maxItems": most, "description": description}


def whole(description: str, low: float, high: float | None = None) -> Schema:
    """The schema of a whole number."""
    ends = {"minimum": low} if high is None else {"minimum": low, "maximum": high}
    return {"type": "integer", **ends, "description": description}


def option(name: str, description: str) -> Schema:
    """The schema of a sampling option; without a value it is the preset's."""
    low, high = OPTION_RANGES[name]
    field = Scene.__dataclass_fields__[name]
    kind = "integer" if field.type is int else "number"
    ends = {"minimum": low, "maximum": high, "example": field.default}
    return {"type": kind, **ends, "description": description}


SAMPLING = {
    "temperature": option("temperature", "Low: likely words. High: surprising words."),
    "top_k": option("top_k", "Sample from this number of most likely words. 0: off."),
    "top_p": option(
        "top_p", "Sample from the most likely words of this total probability. 1: off."
    ),
    "min_p": option(
        "min_p", "Drop words less likely than this fraction of the top word's probability. 0: off."
    ),
    "repetition_penalty": option("repetition_penalty", "Makes recent words less likely. 1: off."),
    "no_repeat_ngram_size": option(
        "no_repeat_ngram_size",
        "Block repeated phrases of this number of words. 0: off, but "
        f"{LOW_TEMPERATURE_NO_REPEAT} at a temperature below {LOW_TEMPERATURE}.",
    ),
}
MODEL = text("Name of a model, from /models. Empty: the first.")
INVENT = {
    "type": "boolean",
    "description": "Whether to spell words that are in neither the show nor the prompt.",
}
PRESET = {
    "enum": list(PRESETS),
    "type": "string",
    "description": "Sampling options by name; an option that is given replaces the preset's.",
}
SIDE = {
    "type": "object",
    "properties": {
        name: {key: value for key, value in schema.items() if key != "description"}
        for name, schema in (
            *(("model", MODEL), ("preset", PRESET), ("invent_words", INVENT)),
            *SAMPLING.items(),
        )
    },
    "description": "The options of one of the two scenes, described at /write; all are optional.",
}
ARGUMENTS: dict[str, Schema] = {
    "prompt": text(
        "The beginning of the scene. With a blank line at its end the model begins a new line, "
        "without one it continues the last line."
    ),
    "text": text("A script."),
    "scene": text("A scene's JSON, the fact `scene` of another call.", MAX_SCENE_JSON),
    "n": whole(f"How many takes, from 1 to {MAX_TAKES}.", 1, MAX_TAKES),
    "line": whole("A line, counted from 0 without blank lines; -1 is the end of the script.", -1),
    "word": whole("A word, counted from 0 as in /surprise.", 0),
    "alternative": text("The word, or words, to put in its place."),
    "cast": names("Who may speak. Empty: everyone.", MAX_CAST),
    "next_speakers": names("Who may speak the first new line. Empty: the cast.", MAX_NEXT_SPEAKERS),
    "preset": PRESET,
    "length": option(
        "length", "About how many words; the scene ends with the line that reaches it."
    ),
    **SAMPLING,
    "seed": option(
        "seed", "The same seed and options give the same scene. Without one it is random."
    ),
    "model": MODEL,
    "invent_words": INVENT,
    "one": SIDE,
    "two": SIDE,
}
# Where an argument of one endpoint differs from the same of the others.
EXCEPTIONS: dict[tuple[str, str], Schema] = {
    ("rewrite_line", "line"): whole("A line, counted from 0 without blank lines.", 0),
    ("alternatives", "n"): whole(f"How many words, from 1 to {MAX_ALTERNATIVES}.", 1,
                                 MAX_ALTERNATIVES),
    ("alternatives", "word"): whole("A word's place, counted from 0 as in /surprise; the number of "
                                    "words is the place after the last one.", 0),
}  # fmt: skip


def facts(properties: dict[str, Schema], description: str) -> Schema:
    """The schema of an object."""
    return {"type": "object", "properties": properties, "description": description}


def listed(items: Schema, description: str) -> Schema:
    """The schema of a list."""
    return {"type": "array", "items": items, "description": description}


STRING, NUMBER, INTEGER, BOOLEAN = ({"type": t} for t in ("string", "number", "integer", "boolean"))
SCRIPT = {"type": "string", "description": "The script so far."}
FACTS = facts(
    {
        "seed": INTEGER,
        "model": STRING | {"description": "name of the model"},
        "version": STRING | {"description": "of the model"},
        "words": INTEGER | {"description": "punctuation included"},
        "words_per_second": INTEGER,
        "done": BOOLEAN,
        "ended": {"type": "string", "description": f"empty, or why: {', '.join(ENDINGS)}"},
        "unknown_words": listed(STRING, "words of the caller that the model does not know"),
        "note": STRING | {"description": "what to know about the end, or empty"},
        "scene": STRING | {"description": "JSON with which /open_scene writes the scene again"},
    },
    "Facts about the scene so far.",
)
STREAMED = {"script": SCRIPT, "facts": FACTS}
RETURNS: dict[str, dict[str, Schema]] = {
    **dict.fromkeys(
        ("write", "continue_scene", "rewrite_line", "take_alternative", "open_scene"), STREAMED
    ),
    "takes": {
        "scripts": listed(STRING, "The script so far of each take."),
        "facts": listed(FACTS, "The facts of each take; empty before its first words."),
    },
    "compare": {
        "script_one": SCRIPT, "facts_one": FACTS, "script_two": SCRIPT, "facts_two": FACTS,
    },
    "alternatives": {
        "words": listed(
            facts({"word": STRING, "probability": NUMBER}, "A word."), "The most likely one first."
        )
    },
    "surprise": {
        "words": listed(
            facts({"text": STRING, "logprob": NUMBER, "known": BOOLEAN}, "A word."),
            "Each word as typed, its log-probability in nats, and whether the model knows it.",
        )
    },
    "unknown_words": {"words": listed(STRING, "Each unknown word once.")},
    "fountain": {"screenplay": STRING | {"description": "The script in the Fountain format."}},
    "models": {"models": listed({"type": "object"}, "The facts of each model.")},
}  # fmt: skip


def argument(endpoint: str, name: str) -> Schema:
    """The schema of an endpoint's argument."""
    return EXCEPTIONS.get((endpoint, name), ARGUMENTS[name])
