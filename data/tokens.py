"""Text into words and words into text: the only place where these rules live.

Everything here is standard-library Python in the subset that TorchScript compiles, because the
exported model carries these same functions inside it. TorchScript's strings are bytes: only ASCII
is lowered by rule, letters outside ASCII by a table of (from, to) pairs that is applied first. Both
runtimes then see the same words (tested on arbitrary text).
"""

import unicodedata
from typing import Dict, Iterable, List, Set, Tuple

# How other programs type what we write in one way. Applied to training text and prompts alike.
TYPOGRAPHY: List[Tuple[str, str]] = [
    ("\ufeff", ""),  # byte order mark
    ("\u00ad", ""),  # soft hyphen
    ("\r\n", "\n"),
    ("\r", "\n"),
    ("\u0085", "\n"),
    ("\u2028", "\n"),
    ("\u2029", "\n"),
    ("\t", " "),
    ("\x0b", " "),
    ("\x0c", " "),
    ("\u00a0", " "),
    ("\u2009", " "),
    ("\u202f", " "),
    ("\u2018", "'"),
    ("\u2019", "'"),
    ("\u0091", "'"),  # Windows quotes that were once decoded as Latin-1
    ("\u0092", "'"),
    ("\u201c", '"'),
    ("\u201d", '"'),
    ("\u0093", '"'),
    ("\u0094", '"'),
    ("\u2010", "-"),
    ("\u2011", "-"),
    ("\u2013", "-"),
    ("\u2014", "--"),
    ("\u2026", "..."),
    ("\u212a", "K"),  # the Kelvin sign, which alone outside ASCII lowers to an ASCII letter
]


def token_lookup() -> Dict[str, str]:
    """The ten symbols that are words of their own, each with the name it bears among the words."""
    return {
        ".": "||period||",
        ",": "||comma||",
        '"': "||quotation_mark||",
        ";": "||semicolon||",
        "!": "||exclamation_mark||",
        "?": "||question_mark||",
        "(": "||left_parenthesis||",
        ")": "||right_parenthesis||",
        "-": "||dash||",
        "\n": "||return||",
    }


def normalization_of(text: str) -> List[Tuple[str, str]]:
    """The normalization a text needs: typography, then each letter outside ASCII to its lower case.

    A letter's upper case and its decomposed spelling (e + combining accent) are covered too where
    only the lower case was seen, so that a prompt in capitals meets the same words.
    """
    return normalization_for(letters_of(normalize(text, TYPOGRAPHY, lower=False)))


def letters_of(text: str) -> Set[str]:
    """The characters outside ASCII of a text whose typography is normalized, composed.

    Those of a text are those of its parts, wherever it is cut at a line's end.
    """
    composed = unicodedata.normalize("NFC", text)
    return set(composed.encode().translate(None, bytes(range(128))).decode())


def normalization_for(letters: Iterable[str]) -> List[Tuple[str, str]]:
    """The normalization that `letters_of` a text need."""
    normalization: Dict[str, str] = {}
    for letter in sorted(letters):
        small = letter.lower()
        for form in (letter, letter.upper(), small):
            # Only letter by letter: "ß" has the capital "SS", which must stay two letters.
            if len(form) != 1 or form.lower() != small or ord(form) < 128:
                continue
            spelled = unicodedata.normalize("NFD", form)
            if spelled != small:
                normalization[spelled] = small
            if form != small:
                normalization[form] = small
    # The longest first: a letter with two accents must not be taken for one with a single accent.
    return TYPOGRAPHY + sorted(normalization.items(), key=lambda pair: (-len(pair[0]), pair[0]))


def normalize(text: str, normalization: List[Tuple[str, str]], lower: bool = True) -> str:
    """Applies the normalization in their order and, if `lower`, turns ASCII to lower case."""
    for old, new in normalization:
        text = text.replace(old, new)
    if lower:
        for place in range(26):  # not lower(), which knows more letters here than in TorchScript
            text = text.replace(chr(65 + place), chr(97 + place))
    return text


def split_words(text: str, symbols: Dict[str, str]) -> List[str]:
    """Folded text into words; a symbol becomes its name, a word of its own."""
    for symbol, name in symbols.items():
        text = text.replace(symbol, " " + name + " ")
    words: List[str] = []
    for word in text.split(" "):
        if word != "":
            words.append(word)
    return words


def is_number(word: str) -> bool:
    """Whether a word is ASCII digits only."""
    return word != "" and word.strip("0123456789") == ""


def is_letter(word: str) -> bool:
    """Whether a word is one ASCII letter."""
    return len(word) == 1 and word.strip("abcdefghijklmnopqrstuvwxyz") == ""


def typed(before: str, previous: str, word: str, inside_quote: bool) -> str:
    """One word as a person types it after the two words before it: with or without a space.

    Args:
        before: the word two places back, as a character where it is a symbol; "" if there is none.
        previous: the word just before, likewise.
        word: the word to write, likewise.
        inside_quote: whether a quotation mark was opened in this line before `word`.
    """
    if word == "\n" or previous == "" or previous == "\n" or previous == "(":
        return word
    if word in [".", ",", ";", "!", "?", ")"]:
        return word
    if word == '"':
        return word if inside_quote else " " + word
    if previous == '"' and inside_quote:
        return word
    if word == "-":
        # After the end of a sentence it is a dash, within one a hyphen.
        return " " + word if previous in [".", ",", ";", "!", "?", ")", '"'] else word
    if previous == "-":
        return " " + word if before in [".", ",", ";", "!", "?", ")", '"'] else word
    if previous in [",", "."]:
        if is_number(before.lstrip("$")) and is_number(word):  # $10,000 and 3.50
            return word
        if previous == "." and is_letter(before) and is_letter(word) and word != "i":
            return word  # u.s.
    return " " + word


def join_words(words: List[str], symbols: Dict[str, str]) -> str:
    """Words into text as a person types it; the opposite of `split_words` up to spacing."""
    characters: Dict[str, str] = {}
    for symbol, name in symbols.items():
        characters[name] = symbol
    pieces: List[str] = []
    before = ""
    previous = ""
    inside_quote = False
    for name in words:
        word = characters.get(name, name)
        pieces.append(typed(before, previous, word, inside_quote))
        inside_quote = quote_after(word, inside_quote)
        before = previous
        previous = word
    return "".join(pieces)


def quote_after(word: str, inside_quote: bool) -> bool:
    """Whether a quotation is open after `word`: a mark turns it, a new line closes it."""
    if word == "\n":
        return False
    return not inside_quote if word == '"' else inside_quote
