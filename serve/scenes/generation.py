"""One scene while it is generated, and the step that adds a word to a batch of them."""

from typing import Any

from serve.limits import MAX_LINE_TOKENS, MAX_PROMPT_TEXT, MAX_TEXT
from serve.scenes.cast import Cast, Writer
from serve.scenes.scene import Scene
from serve.scenes.script import sentence_case, typed_names

# Why a scene ended, with a sentence for its reader where that says more than the text.
ENDINGS = {
    "length": "",
    "line": "",  # the line that is rewritten
    "hard_limit": "The last line is very long and stops before its end.",
    "text_limit": (
        f"The scene is full ({MAX_TEXT:,} characters). "
        "Save it, then start another one or delete some lines."
    ),
    "time_limit": "The time limit is reached before the end of the scene. Continue it.",
}


class Generation:
    """A scene being generated. `start` reads the prompt; `generate_word` adds words.

    Raises:
        UserError: if the scene's cast does not speak in the show.
    """

    def __init__(self, writer: Writer, scene: Scene):
        self.writer, self.scene = writer, scene
        self.all_cast = Cast(writer.vocabulary, scene.cast)
        self.cast = self.all_cast
        if scene.next_speakers:
            self.cast = Cast(writer.vocabulary, scene.next_speakers, "next_speakers")
        self.speakers = [name for name, _ in writer.vocabulary.speakers]
        self.prompt = scene.prompt.rstrip(" ")
        self.names = [*typed_names(scene.prompt), *writer.vocabulary.names]
        self.chunks: list[str] = []  # the words generated so far, as typed
        self.chunks_are_blank = True  # whether they are line ends only
        self.length = len(self.prompt) + len(scene.after)  # characters
        self.words = 0
        self.hard_limit = MAX_LINE_TOKENS + (0 if scene.one_line else scene.length)
        self.seconds = 0.0  # since the prompt was read
        self.started = False
        self.ended = ""  # key of `ENDINGS`
        self.failure: Exception | None = None

    def start(self) -> None:
        """Reads the prompt."""
        prompt = last_lines(self.scene.prompt)
        self.state = self.writer.start(prompt, self.scene.seed)
        self.line = self.cast.last_line(prompt)  # the words of the line so far
        self.after_blank = not prompt.strip() or prompt.rstrip(" ").endswith("\n\n")
        self.in_prompt = bool(self.line)  # whether the prompt began this line
        self.after_heading = False  # whether the line before it is a scene heading
        self.last_speaker = self.all_cast.last_speaker(prompt)  # the words of the name
        if not self.scene.one_line and not self.scene.length:
            self.ended = "length"
        self.started = True

    @property
    def done(self) -> bool:
        """Whether no more words are to be generated."""
        return bool(self.ended or self.failure)

    @property
    def active(self) -> bool:
        """Whether more words are to be generated now."""
        return self.started and not self.done

    def run(self, words: int | None = None) -> None:
        """Generates up to `words` words, or all of them, without the engine."""
        while not self.done and words != 0:
            generate_word([self])
            words = None if words is None else words - 1

    def append(self, chunk: str, state: Any) -> None:
        """Adds a sampled word and the state after it."""
        self.words += 1
        word = chunk.strip(" ")
        if word == "\n" and self.scene.one_line and not self.chunks:
            # The line is still empty: sample again.
            self.state = self.writer.with_rng_of(self.state, state)
        elif word == "\n" and (reason := self._reason_to_end()):
            self.ended = reason
        elif self.length + len(chunk) > MAX_TEXT:
            self.ended = "text_limit"
        else:
            self.state = state
            self.chunks.append(chunk)
            self.length += len(chunk)
            if word == "\n":
                self._begin_line()
            else:
                self.chunks_are_blank = False
                self.line.append(self.writer.vocabulary.symbols.get(word, word))
        if not self.ended and self.words >= self.hard_limit:
            self.ended = "hard_limit"

    def replacements(self, chunk: str) -> list[int]:
        """The ids to sample from instead of a sampled word; empty if the word is allowed."""
        return self.cast.replacements(self.line, self.after_blank, self.last_speaker, chunk)

    def _reason_to_end(self) -> str:
        """Why the scene ends at this end of a line; empty if it goes on."""
        if self.scene.one_line:
            return "line"
        heading = self.line[0].startswith("[") if self.line else self.after_heading
        enough = self.words >= self.scene.length and not self.chunks_are_blank
        return "length" if enough and not heading else ""

    def _begin_line(self) -> None:
        direction = self.line and self.line[0].startswith(("(", "["))
        if self.line:
            self.last_speaker = self.all_cast.speaker(self.line) or self.last_speaker
            self.after_heading = self.line[0].startswith("[")
            if not self.in_prompt and not direction:
                self.cast = self.all_cast  # the first new line is spoken
        self.after_blank, self.line, self.in_prompt = not self.line, [], False

    @property
    def text(self) -> str:
        """The whole scene so far. The prompt keeps its letters as the user typed them."""
        written = "".join(self.chunks)
        if self.ended:
            written = written.rstrip("\n")
        cased = sentence_case(self.prompt + written, self.speakers, self.names)
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
        if (ids := each.replacements(chunk))
    ]
    if rejected:
        places, allowed = zip(*rejected, strict=True)
        again = [writer.with_rng_of(states[place], sampled[place][1]) for place in places]
        replaced = writer.step(again, [scenes[place] for place in places], list(allowed))
        for place, result in zip(places, replaced, strict=True):
            sampled[place] = result
    for each, (chunk, state) in zip(batch, sampled, strict=True):
        each.append(chunk, state)
