"""Who may speak: holds a model to the chosen names wherever a line begins."""

from typing import Any, Protocol

from data import tokens
from data.command_line import UserError
from data.vocab import Vocabulary
from serve.scenes.scene import Scene, shortened


class Writer(Protocol):
    """What an exported model can do, by whichever runtime; see `serve.models.backends`."""

    vocabulary: Vocabulary

    def start(self, prompt: str, seed: int) -> Any:
        """The state after a prompt."""

    def next(
        self, states: list[Any], scenes: list[Scene], allowed: list[list[int]]
    ) -> list[tuple[str, Any]]:
        """One more word for each state: (the text to append, the next state).

        Of an empty list among `allowed`, any word; else one of these ids. A state that is given
        may be used again as long as the state after it has not been.
        """

    def redrawn(self, state: Any, after: Any) -> Any:
        """`state` with the random numbers of `after`, so that another word can be drawn."""

    def top_next(self, prompt: str, n: int) -> list[tuple[str, float]]:
        """The likeliest next words with their probabilities."""

    def logprobs(self, text: str) -> list[tuple[str, float]]:
        """Each word of a text with its log-probability in nats."""


class Cast:
    """The chosen speakers, as what may follow the words that a line has so far.

    A word is first drawn freely. If it begins a line that is neither a direction nor one of the
    chosen, another is drawn among the chosen alone. Directions so keep their share, and each of
    the chosen has the share of them all that the model gives.

    Raises:
        UserError: for a name that does not speak in the show.
    """

    def __init__(self, vocabulary: Vocabulary, names: tuple[str, ...]):
        self.vocabulary = vocabulary
        known = {name for name, _ in vocabulary.speakers}
        numbers = {word: number for number, word in enumerate(vocabulary.words)}
        self.following: dict[tuple[str, ...], dict[str, int]] = {}
        for name in names:
            normalized = (
                tokens.normalize(name.strip(), vocabulary.normalization)
                .strip()
                .removesuffix(":")
                .strip()
            )
            if normalized not in known:
                most = ", ".join(name for name, _ in vocabulary.speakers[:5])
                raise UserError(
                    f"{shortened(name)} does not speak in {vocabulary.show}; these do: {most}, ..."
                )
            words = vocabulary.split(normalized + ":")
            for place, word in enumerate(words):
                step = self.following.setdefault(tuple(words[:place]), {})
                step[word] = numbers[word]

    def line_of(self, text: str) -> list[str]:
        """The words of a text's last line, which is still being written."""
        return self.vocabulary.split(text.rpartition("\n")[2])

    def instead(self, line: list[str], blank: bool, piece: str) -> list[int]:
        """The ids of which another word must be drawn, if this one may not stand; else none.

        Args:
            line: words of the line so far.
            blank: whether the line before it is empty, so that another new line is not wanted.
            piece: the word that was drawn freely, as typed.
        """
        choices = self.following.get(tuple(line))
        if choices is None:
            return []
        word = piece.strip(" ")
        direction = not line and (word.startswith(("(", "[")) or (word == "\n" and not blank))
        if direction or self.vocabulary.symbols.get(word, word) in choices:
            return []
        return sorted(choices.values())
