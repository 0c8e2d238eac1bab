"""The cast of a scene: constrains generation to the chosen speakers at the start of each line."""

from typing import Any, Protocol

from data import tokens
from data.speakers import speaker_of
from data.vocab import Vocabulary
from serve.arguments import ArgumentError, shortened
from serve.scenes.scene import Scene
from serve.scenes.script import display_name


class Writer(Protocol):
    """An exported model in either runtime; `serve.models.backends` implements it.

    A state is opaque and belongs to one stream of words. It can be used again until the state that
    follows it is used.
    """

    vocabulary: Vocabulary

    def start(self, prompt: str, seed: int) -> Any:
        """The state after a prompt."""

    def step(
        self, states: list[Any], scenes: list[Scene], allowed: list[list[int]]
    ) -> list[tuple[str, Any]]:
        """Samples one word for each state of a batch.

        Args:
            allowed: for each state the ids to sample from; an empty list is the whole vocabulary.

        Returns:
            for each state (text to append, next state).
        """

    def with_rng_of(self, state: Any, after: Any) -> Any:
        """`state` with the random number generator of `after`, to sample a different word."""

    def top_next(self, prompt: str, n: int) -> list[tuple[str, float]]:
        """The `n` most likely next words with their probabilities."""

    def logprobs(self, text: str) -> list[tuple[str, float]]:
        """Each word of a text with its log-probability in nats."""


class Cast:
    """The chosen speakers as a prefix tree of the words that may start a line.

    A word is first sampled from the whole vocabulary. If it starts a line that is neither a
    direction nor spoken by the cast, another one is sampled among those of the cast who did not
    speak last. Directions and a second speech in a row so keep their probabilities, and the other
    speakers of the cast keep their proportions.

    Args:
        names: of the speakers, in any case; none allows everyone.
        argument: the name of the caller's argument, for error messages.

    Raises:
        ArgumentError: for a name that is not a speaker of the show.
    """

    def __init__(self, vocabulary: Vocabulary, names: tuple[str, ...], argument: str = "cast"):
        self.vocabulary = vocabulary
        known = {name for name, _ in vocabulary.speakers}
        # The words of each name, and the words that may follow each of their beginnings.
        self.names: list[tuple[str, ...]] = []
        self.next_words: dict[tuple[str, ...], set[str]] = {}
        for name in names:
            normalized = tokens.normalize(name.strip(), vocabulary.normalization)
            normalized = normalized.strip().removesuffix(":").strip()
            if normalized not in known:
                speakers = [display_name(name) for name, _ in vocabulary.speakers]
                raise ArgumentError(
                    argument,
                    f"names {shortened(name)}, who is not a speaker of {vocabulary.show}; its "
                    f"speakers are {', '.join(speakers[:5])}{', ...' if speakers[5:] else ''}",
                )
            words = tuple(vocabulary.split(normalized + ":"))
            self.names.append(words)
            for place, word in enumerate(words):
                self.next_words.setdefault(words[:place], set()).add(word)

    def last_line(self, text: str) -> list[str]:
        """The words of a text's last line, which is not finished yet."""
        return self.vocabulary.split(text.rpartition("\n")[2])

    def speaker(self, line: list[str]) -> tuple[str, ...]:
        """The words of the name that a line begins with; empty if it is not of the cast."""
        return max((name for name in self.names if name == tuple(line[: len(name)])), default=())

    def last_speaker(self, text: str) -> tuple[str, ...]:
        """The words of the name of who speaks last in a text; empty if not of the cast."""
        spoken = [speaker_of(line) for line in text.split("\n") if line.strip()]
        last = next((name for name in reversed(spoken) if name), "")
        return self.speaker(self.vocabulary.split(f"{last}:")) if last else ()

    def replacements(
        self, line: list[str], after_blank: bool, last: tuple[str, ...], chunk: str
    ) -> list[int]:
        """The ids to sample from instead of a word, or an empty list if the word is allowed.

        Args:
            line: the words of the line so far.
            after_blank: whether the line before it is blank; a second blank line is not allowed.
            last: the words of the name of the last speaker, who is not among the ids unless there
                is no other.
            chunk: the sampled word as it is typed.
        """
        choices = self.next_words.get(tuple(line))
        if choices is None:
            return []
        word = chunk.strip(" ")
        direction = not line and (word.startswith(("(", "[")) or (word == "\n" and not after_blank))
        if direction or self.vocabulary.symbols.get(word, word) in choices:
            return []
        place = len(line)
        others = {
            name[place]
            for name in self.names
            if name != last and name[:place] == tuple(line) and len(name) > place
        }
        return sorted(self.vocabulary.vocab_to_int[word] for word in others or choices)
