"""The tokenizer: normalization, text to words, words to text.

Everything here is standard-library Python in the subset that TorchScript compiles, because the
exported model contains the same functions. Strings are bytes in TorchScript, so only ASCII is
lower-cased by rule. Letters outside ASCII are lower-cased by a normalization table of (from, to)
pairs, which is applied first. Python and TorchScript then give the same words (tested on arbitrary
text). `data.corpus.fast_tokens` and `data.corpus.word_ids` have the same rules on bytes, for large
texts.
"""

import unicodedata
from typing import Dict, Iterable, List, Set, Tuple

# Typographic variants and the one form that replaces each, in training text and in prompts.
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
    (
        "\u212a",
        "K",
    ),  # the Kelvin sign: its lower case is the ASCII letter k
]


def token_lookup() -> Dict[str, str]:
    """The ten symbols that are tokens of their own: symbol -> its name in the vocabulary."""
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
    """The normalization table of a text: typography, then non-ASCII letters to lower case.

    A letter's upper case and its decomposed spelling (e + combining accent) are in the table even
    if the text holds only the lower case, so that a prompt in capitals gives the same words.
    """
    return normalization_table(non_ascii_letters(normalize(text, TYPOGRAPHY, lower=False)))


def non_ascii_letters(text: str) -> Set[str]:
    """The characters outside ASCII, composed (NFC), of a text whose typography is normalized.

    The set of a text is the union of the sets of its parts if all cuts are at line ends.
    """
    composed = unicodedata.normalize("NFC", text)
    return set(composed.encode().translate(None, bytes(range(128))).decode())


def normalization_table(letters: Iterable[str]) -> List[Tuple[str, str]]:
    """The normalization table for a set of `non_ascii_letters`: (from, to) pairs in order."""
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
    # Longest first: a letter with two accents must not match the entry with a single accent.
    return TYPOGRAPHY + sorted(normalization.items(), key=lambda pair: (-len(pair[0]), pair[0]))


def normalize(text: str, normalization: List[Tuple[str, str]], lower: bool = True) -> str:
    """Replaces every pair of the table in order; if `lower`, also lower-cases ASCII."""
    for old, new in normalization:
        text = text.replace(old, new)
    if lower:
        for letter in range(26):  # lower() changes more letters in Python than in TorchScript
            text = text.replace(chr(65 + letter), chr(97 + letter))
    return text


def split_words(text: str, symbols: Dict[str, str]) -> List[str]:
    """Normalized text as a list of words; each symbol becomes a word of its own, by its name."""
    for symbol, name in symbols.items():
        text = text.replace(symbol, " " + name + " ")
    words: List[str] = []
    for word in text.split(" "):
        if word != "":
            words.append(word)
    return words


def has_bracket(word: str) -> bool:
    """Whether a word contains a bracket; used of words outside the vocabulary.

    The rules that balance brackets know the words of the vocabulary only.
    """
    return "[" in word or "]" in word or "(" in word or ")" in word


def is_number(word: str) -> bool:
    """Whether a word is ASCII digits only."""
    return word != "" and word.strip("0123456789") == ""


def is_letter(word: str) -> bool:
    """Whether a word is one ASCII letter."""
    return len(word) == 1 and word.strip("abcdefghijklmnopqrstuvwxyz") == ""


def typed(before: str, previous: str, word: str, inside_quote: bool) -> str:
    """One detokenized word: `word` with the space that belongs before it, if any.

    Args:
        before: the word two places back, a symbol as its character; "" if there is none.
        previous: the word just before, in the same form.
        word: the word to write, in the same form.
        inside_quote: whether a quotation is open in this line before `word`.
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
        # A dash after the end of a sentence, a hyphen within one.
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
    """Detokenized text: the inverse of `split_words`, except for spacing."""
    characters: Dict[str, str] = {}
    for symbol, name in symbols.items():
        characters[name] = symbol
    parts: List[str] = []
    before = ""
    previous = ""
    inside_quote = False
    for name in words:
        word = characters.get(name, name)
        parts.append(typed(before, previous, word, inside_quote))
        inside_quote = quote_after(word, inside_quote)
        before = previous
        previous = word
    return "".join(parts)


def quote_after(word: str, inside_quote: bool) -> bool:
    """Whether a quotation is open after `word`: a mark opens or closes it, a new line closes it."""
    if word == "\n":
        return False
    return not inside_quote if word == '"' else inside_quote
