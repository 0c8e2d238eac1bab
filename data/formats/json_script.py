"""JSON and JSON lines: the records with a speaker and a speech, however deep they lie."""

import collections
import json
import re
from collections.abc import Iterator
from typing import Any

from data.command_line import UserError
from data.formats import elements, inner
from data.formats.columns import CHARACTER, DIALOGUE, find_columns, key
from data.formats.script import Format, Line, ReadOptions, Script
from data.formats.speeches import add_rows
from data.speakers import SPEAKER

BEGINNING = re.compile(r'\s*(?:\{\s*(?:"(?:[^"\\]|\\.)*"\s*:|\})|\[\s*(?:[{\["]|\]))')
MAX_DEPTH = 50
MIN_LINES = 8  # of a text that is a whole script
KINDS = ("type", "kind", "element", "elementtype", "style")  # fields of the kind of a paragraph
TEXTS = ("text", "content", "value", "children", "runs")
# Names of lists that are no speakers.
EPISODE = re.compile(
    r"s\d+ ?[ex]\d+|\b\d+x\d+\b|\b(?:episodes?|seasons?|chapter|part|act)\b|\.\w{2,4}$|^\d+$", re.I
)
Record = dict[str, str]


def score(text: str, _name: str) -> float:
    """How sure it is that a text is JSON, by its beginning."""
    return 0.97 if BEGINNING.match(text) and re.search(r'"\s*[:,\]]', text) else 0.0


def read(text: str, options: ReadOptions) -> Script:
    """The speeches of a JSON document, or of one document a line.

    Raises:
        UserError: if it is not well-formed, or holds no speeches that are recognized.
    """
    document = _in_order(_parse(text, options.path))
    script = Script([], FORMAT.name)
    paragraphs = [] if options.columns else list(_paragraphs(document))
    if elements.is_screenplay(kind for kind, _ in paragraphs):
        elements.add_elements(script, paragraphs)
        script.notes.append("paragraphs of a screenplay with their kinds")
        return script
    if speeches := _named_strings(document):
        script.lines = speeches
        script.notes.append("a list of texts in the form `Name: speech`")
        return script
    if not options.columns and (found := _by_name(document)):
        script.lines = found
        script.notes.append("the speeches stand under the names of their speakers: order is lost")
        return script
    if not options.columns and (texts := _long_texts(document) or _lists_of_texts(document)):
        return inner.read("\n\n".join(texts), options, FORMAT.name)
    groups: dict[int, list[Record]] = collections.defaultdict(list)
    for depth, record in _records(document):
        groups[depth].append(record)
    # Records of other depths describe the file, or repeat its text.
    fields = {each for group in groups.values() for record in group for each in record}
    if not groups:
        raise UserError(f"{options.path} holds no records with text: JSON of another kind")
    records = max(groups.values(), key=lambda group: _weight(group, options.columns))
    names = list(dict.fromkeys(name for record in records for name in record))
    rows = [[record.get(name, "") for name in names] for record in records]
    if options.columns:
        for wanted in options.columns.values():
            if wanted and key(wanted) not in map(key, names):
                shown = ", ".join(sorted(fields))
                raise UserError(f"{options.path} has no field {wanted}; its fields are {shown}")
    columns = find_columns(names, rows, options.columns, options.path)
    shown = [names[place] for place in columns[:2] if place is not None]
    script.notes.append(f"speakers and speeches from the fields {' and '.join(shown)}")
    add_rows(script, rows, columns)
    return script


def _parse(text: str, path: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:  # also for a number of thousands of digits
        problem = error
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    documents = []
    for number, line in lines:
        try:
            documents.append(json.loads(line))
        except (ValueError, RecursionError):
            if len(documents) > 1:
                raise UserError(f"{path} is not well-formed JSON lines: line {number}") from None
            break
    if len(documents) > 1:
        return documents
    raise UserError(f"{path} is not well-formed JSON: {problem}") from None


def _in_order(value: Any, depth: int = 0) -> Any:
    """A document with lists for objects whose fields are numbers: {"1": "Hi.", "2": "No."}."""
    if depth > MAX_DEPTH:
        return value
    if isinstance(value, list):
        return [_in_order(each, depth + 1) for each in value]
    if not isinstance(value, dict):
        return value
    are_texts = all(isinstance(each, str) for each in value.values())
    if len(value) > 1 and are_texts and all(name.isdecimal() for name in value):
        return [value[name] for name in sorted(value, key=int)]
    return {name: _in_order(each, depth + 1) for name, each in value.items()}


def _paragraphs(value: Any, depth: int = 0) -> Iterator[tuple[str, str]]:
    """(kind, text) of all objects that are a paragraph of a screenplay, in order."""
    if depth > MAX_DEPTH or not isinstance(value, (dict, list)):
        return
    if isinstance(value, dict):
        kind = next((each for name, each in value.items() if key(name) in KINDS), None)
        text = next((each for name, each in value.items() if key(name) in TEXTS), None)
        if isinstance(kind, str) and elements.kind_of(kind) in elements.KNOWN and text is not None:
            yield elements.kind_of(kind), _words(text)
            return
    for each in value.values() if isinstance(value, dict) else value:
        yield from _paragraphs(each, depth + 1)


def _words(value: Any) -> str:
    """The text of a paragraph, which may be in pieces: [{"text": "Hel"}, {"text": "lo"}]."""
    if isinstance(value, dict):
        return _words(next((each for name, each in value.items() if key(name) in TEXTS), ""))
    if isinstance(value, list):
        return "".join(map(_words, value))
    return value if isinstance(value, str) else ""


def _lists_of_texts(document: Any) -> list[str]:
    """The texts of a document that holds nothing but lists of speeches without names."""
    leaves = list(_leaves(document))
    if any(key(name) in CHARACTER for name, _ in leaves):
        return []  # a table stored by columns
    lists = [each for _, each in leaves if isinstance(each, list) and each]
    texts = [text for each in lists for text in each if isinstance(text, str)]
    if len(lists) < 0.9 * len(leaves) or any(len(each) < 3 for each in lists) or not texts:
        return []
    return texts if sum(" " in text for text in texts) > 0.5 * len(texts) else []


def _named_strings(document: Any) -> list[Line]:
    """The speeches of a list of texts `Name: speech`; [] if the document is something else."""
    if isinstance(document, dict) and len(document) == 1:
        document = next(iter(document.values()))
    if not isinstance(document, list) or not all(isinstance(each, str) for each in document):
        return []
    lines = []
    for text in document:
        if speech := " ".join(text.split()):
            match = SPEAKER.match(speech)
            lines.append(
                Line(match[1], speech[match.end() :].strip()) if match else Line("", speech)
            )
    return lines if sum(bool(line.speaker) for line in lines) > 0.3 * len(lines) else []


def _by_name(document: Any) -> list[Line]:
    """The speeches of lists under names, {"ANN": ["Hi.", "No."]}, however deep; [] otherwise."""
    if not isinstance(document, dict):
        return []
    lists = [
        (name, each) for name, each in _leaves(document) if isinstance(each, list) and len(each) > 0
    ]
    names = {name for name, _ in lists}
    speeches = [text for _, each in lists for text in each]
    is_cast = len(names) > 1 and not any(key(name) in {*CHARACTER, *DIALOGUE} for name in names)
    if sum(bool(EPISODE.search(name)) for name in names) > 0.5 * len(names):
        return []
    if not is_cast or len(lists) < 0.5 * sum(1 for _ in _leaves(document)):
        return []
    if not all(isinstance(text, str) for text in speeches):
        return []
    if sum(" " in text for text in speeches) < 0.5 * len(speeches):  # words, not speeches
        return []
    return [Line(name, " ".join(text.split())) for name, each in lists for text in each if text]


def _long_texts(document: Any) -> list[str]:
    """The texts of a document that holds whole scripts as strings; [] if it holds speeches."""
    texts = [each for _, each in _leaves(document) if isinstance(each, str)]
    long = [text for text in texts if text.count("\n") >= MIN_LINES]
    return long if sum(map(len, long)) > 0.8 * sum(map(len, texts)) else []


def _leaves(value: Any, name: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """(field, value) of all texts, numbers and lists of them."""
    if depth > MAX_DEPTH:
        return
    if isinstance(value, dict):
        for field, each in value.items():
            yield from _leaves(each, field, depth + 1)
    elif isinstance(value, list) and any(isinstance(each, (dict, list)) for each in value):
        for each in value:
            yield from _leaves(each, name, depth + 1)
    else:
        yield name, value


def _records(value: Any, depth: int = 0, keyed: str = "") -> Iterator[tuple[int, Record]]:
    """(depth, record) of all objects with texts, and of lists [speaker, speech], in order."""
    if depth > MAX_DEPTH:
        return
    if isinstance(value, dict):
        # Deeper, a record may have lists of several names and of the parts of a speech.
        if depth == 0 and (rows := _transposed(value)):
            yield from ((depth, row) for row in rows)
            return
        if turns := _turns(value):
            yield from ((depth, turn) for turn in turns)
            return
        value = {**value, **_with_notes(value)}
        record = {
            name: text for name, each in value.items() if (text := _text(each, name)) is not None
        }
        if any(re.search(r"[^\W\d]", text) for text in record.values()):
            yield depth, record
        for name, each in value.items():
            if isinstance(each, (dict, list)) and name not in record:
                yield from _records(each, depth + 1, name)
    elif isinstance(value, list):
        if len(value) > 1 and all(_is_pair(each) for each in value):
            yield from ((depth, {"character": each[0], "dialogue": each[1]}) for each in value)
            return
        for each in value:
            if isinstance(each, (dict, list)):
                yield from _records(each, depth + 1, keyed)


def _with_notes(value: dict[str, Any]) -> dict[str, str]:
    """The fields with a fuller text, with directions: {"transcript_with_note": "Hi! (waves)"}."""
    full = {}
    for name, each in value.items():
        short = re.sub(r"(?i)[ _]?with[ _]?(?:notes?|directions?)$", "", name)
        if short != name and isinstance(each, str) and each.strip() and short in value:
            full[short] = each
    return full


def _turns(value: dict[str, Any]) -> list[Record]:
    """The speeches of a record that holds a dialogue as a list, such as ["Ann: hi", "Bob: hi"]."""
    if any(key(name) in CHARACTER for name in value):
        return []  # the list is a speech in parts
    for each in value.values():
        texts = isinstance(each, list) and len(each) > 1 and all(isinstance(e, str) for e in each)
        if texts and (lines := _named_strings(each)):
            return [{"character": line.speaker, "dialogue": line.text} for line in lines]
    return []


def _text(value: Any, name: str) -> str | None:
    """A field as text: a string, a number, or a list of strings; None for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)):
        return str(value)
    if value is None:
        return ""
    if isinstance(value, list) and value and all(isinstance(each, str) for each in value):
        return (", " if key(name) in CHARACTER else " ").join(value)
    return None


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(e, str) for e in value)


def _transposed(value: dict[str, Any]) -> list[Record]:
    """The records of a table stored by columns: {"speaker": {"0": "Ann"}, "text": {"0": "Hi"}}."""
    known = [name for name in value if key(name) in {*CHARACTER, *DIALOGUE}]
    columns = {
        name: list(column.values()) if isinstance(column, dict) else column
        for name, column in value.items()
        if isinstance(column, (dict, list))
    }
    sizes = {len(column) for name, column in columns.items() if name in known}
    if len(known) < 2 or len(sizes) != 1 or not all(name in columns for name in known):
        return []
    size = sizes.pop()
    equal = {name: column for name, column in columns.items() if len(column) == size}
    return [
        {name: _text(column[number], name) or "" for name, column in equal.items()}
        for number in range(size)
    ]


def _weight(records: list[Record], wanted: dict[str, str]) -> tuple[int, int]:
    """(how well the fields are known, length of their text), to choose records by."""
    names = {key(name) for record in records[:1000] for name in record}
    if wanted:
        known = sum(key(name) in names for name in wanted.values() if name)
    else:
        known = bool(names & set(CHARACTER)) + bool(names & set(DIALOGUE))
    size = sum(
        len(text)
        for record in records
        for name, text in record.items()
        if key(name) in DIALOGUE or not known or wanted
    )
    return known, size


FORMAT = Format("json", "JSON or JSON lines, records of a speaker and a speech", score, read)
