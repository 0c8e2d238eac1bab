"""Plain text as a script on a page: sentence case, speakers, directions, headings."""

import html
import re

SPEAKER = re.compile(r'^([^:()\[\]"]{1,40}?):(?=\s|$)')
DIRECTION = re.compile(r"\(([^()]*)\)?")
SENTENCE = re.compile(r'(^|[.!?]["\')]?\s+|["(]\s*(?=\S))([a-z])')
PRONOUN = re.compile(r"(?<![\w'-])i(?=$|[^\w-]|'(?:m|ll|d|ve)\b)")

MAIN = 12  # further down the list stand passers-by, whose names are often common words
COMMON = {"man", "woman", "boy", "girl", "child", "clerk", "waitress", "waiter", "all", "both"}


def sentence_case(text: str, names: list[str]) -> str:
    """The model's lower case as people write it: sentences, "I", and the speakers' names."""
    single = [name for name in names[:MAIN] if name.isalpha() and name not in COMMON]
    named = (
        re.compile(rf"(?<![\w'])({'|'.join(map(re.escape, single))})(?![\w])") if single else None
    )
    return "\n".join(_line_case(line, named) for line in text.split("\n"))


def _line_case(line: str, named: re.Pattern[str] | None) -> str:
    speaker = SPEAKER.match(line)
    start = speaker.end() if speaker else 0
    head = line[:start].title() if line[:start].islower() else line[:start]
    body = line[start:]
    space = body[: len(body) - len(body.lstrip())]
    body = body.lstrip()
    if not body.startswith(("(", "[")):
        body = SENTENCE.sub(_raise, body)
    else:
        body = re.sub(r"([.!?]\s+|\)\s+)([a-z])", _raise, body)
    body = PRONOUN.sub("I", body)
    if named:
        body = named.sub(lambda match: match[1].capitalize(), body)
    return head + space + body


def _raise(match: re.Match[str]) -> str:
    return match[1] + match[2].upper() if not match[1].startswith("(") else match[0]


def to_html(text: str) -> str:
    """A script as HTML; whatever the text holds is shown, never run."""
    lines = [line.strip() for line in text.split("\n")]
    body = "".join(_line_html(line) for line in lines if line)
    return f'<div class="script" role="document">{body}</div>'


def _line_html(line: str) -> str:
    if line.startswith("["):
        return f'<p class="heading">{html.escape(line.strip("[]"))}</p>'
    speaker = SPEAKER.match(line)
    name = f'<b class="speaker">{html.escape(speaker[1])}</b> ' if speaker else ""
    said = line[speaker.end() :].strip() if speaker else line
    return f'<p class="line">{name}{_directions_html(said)}</p>'


def _directions_html(text: str) -> str:
    pieces, end = [], 0
    for match in DIRECTION.finditer(text):
        pieces.append(html.escape(text[end : match.start()]))
        pieces.append(f"<i>{html.escape(match[0])}</i>")
        end = match.end()
    return "".join([*pieces, html.escape(text[end:])])
