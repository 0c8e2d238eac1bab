"""Who may speak: holds a model to the chosen names wherever a line begins."""

from typing import Any, Protocol

from data import tokens
from data.command_line import UserError
from data.vocab import Vocabulary
from serve.scene import Scene, shortened


class Writer(Protocol):
    """What an exported model can do, by whichever runtime; see `serve.backends`."""

    vocabulary: Vocabulary

    def start(self, prompt: str, seed: int) -> Any:
        """The state after a prompt."""

    def next(self, state: Any, scene: Scene, allowed: list[int] | None = None) -> tuple[str, Any]:
        """One more word: (the text to append, the next state)."""

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
            folded = tokens.fold(name.strip(), vocabulary.folds).strip().removesuffix(":").strip()
            if folded not in known:
                most = ", ".join(name for name, _ in vocabulary.speakers[:5])
                raise UserError(
                    f"{shortened(name)} does not speak in {vocabulary.show}; these do: {most}, ..."
                )
            words = vocabulary.split(folded + ":")
            for place, word in enumerate(words):
                step = self.following.setdefault(tuple(words[:place]), {})
                step[word] = numbers[word]

    def line_of(self, text: str) -> list[str]:
        """The words of a text's last line, which is still being written."""
        return self.vocabulary.split(text.rpartition("\n")[2])

    def next(
        self, writer: Writer, state: Any, scene: Scene, line: list[str], blank: bool
    ) -> tuple[str, Any]:
        """One more word that the chosen cast allows.

        Args:
            line: words of the line so far.
            blank: whether the line before it is empty, so that another new line is not wanted.
        """
        piece, after = writer.next(state, scene)
        choices = self.following.get(tuple(line))
        if choices is None:
            return piece, after
        word = piece.strip(" ")
        direction = not line and (word.startswith(("(", "[")) or (word == "\n" and not blank))
        if direction or self.vocabulary.symbols.get(word, word) in choices:
            return piece, after
        return writer.next(writer.redrawn(state, after), scene, sorted(choices.values()))
