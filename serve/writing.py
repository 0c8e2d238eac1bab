"""A scene being written: a few words at a time, for as long as it is given."""

import time

from serve.cast import Cast, Writer
from serve.scene import MAX_TEXT, Scene
from serve.script import sentence_case

READ = 6_000  # characters: what a network remembers of more is not worth the wait


class Writing:
    """One scene on its way; nothing is read or written before `start` and `go_on`.

    Raises:
        UserError: if the scene's cast does not speak in the show.
    """

    def __init__(self, writer: Writer, scene: Scene):
        self.writer, self.scene = writer, scene
        self.cast = Cast(writer.vocabulary, scene.cast)
        self.names = [name for name, _ in writer.vocabulary.speakers]
        self.pieces: list[str] = []
        self.before = scene.prompt.rstrip(" ")
        self.length = len(self.before) + len(scene.after)
        self.words = 0
        self.seconds = 0.0  # of work
        self.done = False
        self.out_of_time = False

    def start(self) -> None:
        """Reads the prompt."""
        began = time.perf_counter()
        prompt = last_pages(self.scene.prompt)
        self.state = self.writer.start(prompt, self.scene.seed)
        self.line = self.cast.line_of(prompt)
        self.blank = not prompt or prompt.endswith("\n\n")
        self.done = self.scene.max_new_tokens == 0
        self.seconds += time.perf_counter() - began

    def go_on(self, seconds: float) -> None:
        """Writes for so long, a word at least, or to the end."""
        began = time.perf_counter()
        while not self.done:
            self._word()
            if time.perf_counter() - began >= seconds:
                break
        self.seconds += time.perf_counter() - began

    def _word(self) -> None:
        piece, after = self.cast.next(self.writer, self.state, self.scene, self.line, self.blank)
        self.words += 1
        word = piece.strip(" ")
        if word == "\n" and self.scene.one_line:
            self.done = bool(self.pieces)
            # An empty line is no line: draw again.
            self.state = self.writer.redrawn(self.state, after)
        else:
            self.state = after
            self.pieces.append(piece)
            self.length += len(piece)
            if word == "\n":
                self.blank, self.line = not self.line, []
            else:
                self.line.append(self.writer.vocabulary.symbols.get(word, word))
        full = self.length >= MAX_TEXT
        self.done = self.done or full or self.words >= self.scene.max_new_tokens

    @property
    def text(self) -> str:
        """The whole scene so far. What a person typed keeps its capitals."""
        cased = sentence_case(self.before + "".join(self.pieces), self.names)
        return self.before + cased[len(self.before) :] + self.scene.after


def last_pages(text: str) -> str:
    """What is read of a long text: its end, from the beginning of a line if there is one."""
    if len(text) <= READ:
        return text
    return text[text.find("\n", len(text) - READ, -1) + 1 :][-READ:]
