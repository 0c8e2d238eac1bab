"""Documents that occur twice, found by the 13-grams of words that they share."""

from data.base.grams import WORD, GramHasher

MAX_SHARED = 0.25  # a document that shares more of its grams with earlier ones is a duplicate
SHORT = 600  # words; a larger part of the grams of a shorter document is compared
RATES = (4, 32)  # one gram of this number is compared, for short and for long documents


class Duplicates:
    """Remembers documents and recognizes repeated ones. Short and long documents are apart."""

    def __init__(self):
        self.seen: dict[int, set[int]] = {rate: set() for rate in RATES}
        self.hasher = GramHasher()

    def is_duplicate(self, paragraphs: list[str]) -> bool:
        """Whether a document repeats earlier ones; if it does not, it is remembered."""
        # Without the speakers' names: the same dialogue can have others.
        words = WORD.findall(" ".join(map(_speech, paragraphs)).lower())
        rate = RATES[len(words) >= SHORT]
        hashes = self.hasher.hashes(words)
        grams = set(hashes[hashes % rate == 0].tolist())
        seen = self.seen[rate]
        if grams and len(grams & seen) > MAX_SHARED * len(grams):
            return True
        seen |= grams
        return False


def _speech(paragraph: str) -> str:
    name, colon, speech = paragraph.partition(": ")
    return speech if colon and len(name) <= 30 else paragraph
