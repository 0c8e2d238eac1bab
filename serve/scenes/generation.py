"""One scene while it is generated, and the step that adds a word to a batch of them."""

from typing import Any

from serve.limits import MAX_PROMPT_TEXT, MAX_TEXT
from serve.scenes.cast import Cast, Writer
from serve.scenes.scene import Scene
from serve.scenes.script import sentence_case


class Generation:
    """A scene being generated. `start` reads the prompt; `generate_word` adds words.

    Raises:
        UserError: if the scene's cast does not speak in the show.
    """

    def __init__(self, writer: Writer, scene: Scene):
        self.writer, self.scene = writer, scene
        self.cast = Cast(writer.vocabulary, scene.cast)
        self.speakers = [name for name, _ in writer.vocabulary.speakers]
        self.prompt = scene.prompt.rstrip(" ")
        self.chunks: list[str] = []  # the words generated so far, as typed
        self.length = len(self.prompt) + len(scene.after)  # characters
        self.words = 0
        self.seconds = 0.0  # since the prompt was read
        self.started = self.done = self.timed_out = False
        self.failure: Exception | None = None

    def start(self) -> None:
        """Reads the prompt."""
        prompt = last_lines(self.scene.prompt)
        self.state = self.writer.start(prompt, self.scene.seed)
        self.line = self.cast.last_line(prompt)
        self.after_blank = not prompt.strip() or prompt.rstrip(" ").endswith("\n\n")
        self.done = self.scene.max_new_tokens == 0
        self.started = True

    @property
    def active(self) -> bool:
        """Whether more words are to be generated."""
        return self.started and not self.done and not self.timed_out

    def run(self, words: int | None = None) -> None:
        """Generates up to `words` words, or all of them, without the engine."""
        while not self.done and words != 0:
            generate_word([self])
            words = None if words is None else words - 1

    def append(self, chunk: str, state: Any) -> None:
        """Adds a sampled word and the state after it."""
        self.words += 1
        word = chunk.strip(" ")
        if word == "\n" and self.scene.one_line:
            self.done = bool(self.chunks)
            # The line is still empty: sample again.
            self.state = self.writer.with_rng_of(self.state, state)
        else:
            self.state = state
            self.chunks.append(chunk)
            self.length += len(chunk)
            if word == "\n":
                self.after_blank, self.line = not self.line, []
            else:
                self.line.append(self.writer.vocabulary.symbols.get(word, word))
        full = self.length >= MAX_TEXT
        self.done = self.done or full or self.words >= self.scene.max_new_tokens

    @property
    def text(self) -> str:
        """The whole scene so far. The prompt keeps its letters as the user typed them."""
        cased = sentence_case(self.prompt + "".join(self.chunks), self.speakers)
        return self.prompt + cased[len(self.prompt) :] + self.scene.after


def last_lines(text: str) -> str:
    """The end of a long text, at most `MAX_PROMPT_TEXT`, from the start of a line if possible."""
    if len(text) <= MAX_PROMPT_TEXT:
        return text
    return text[text.find("\n", len(text) - MAX_PROMPT_TEXT, -1) + 1 :][-MAX_PROMPT_TEXT:]


def generate_word(batch: list[Generation]) -> None:
    """One more word for each scene of a batch. All must have the same writer."""
    writer = batch[0].writer
    states, scenes = [each.state for each in batch], [each.scene for each in batch]
    sampled = writer.step(states, scenes, [[] for _ in batch])
    rejected = [
        (place, ids)
        for place, (each, (chunk, _)) in enumerate(zip(batch, sampled, strict=True))
        if (ids := each.cast.replacements(each.line, each.after_blank, chunk))
    ]
    if rejected:
        places, allowed = zip(*rejected, strict=True)
        again = [writer.with_rng_of(states[place], sampled[place][1]) for place in places]
        replaced = writer.step(again, [scenes[place] for place in places], list(allowed))
        for place, result in zip(places, replaced, strict=True):
            sampled[place] = result
    for each, (chunk, state) in zip(batch, sampled, strict=True):
        each.append(chunk, state)
