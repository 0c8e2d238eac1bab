"""A scene being written: a few words at a time, for as long as it is given."""

import time
from typing import Any

from serve.scenes.cast import Cast, Writer
from serve.scenes.scene import MAX_TEXT, Scene
from serve.scenes.script import sentence_case

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
        self.chunks: list[str] = []
        self.before = scene.prompt.rstrip(" ")
        self.length = len(self.before) + len(scene.after)
        self.words = 0
        self.seconds = 0.0  # since the first word was asked for
        self.started = self.done = self.out_of_time = False
        self.failure: Exception | None = None

    def start(self) -> None:
        """Reads the prompt."""
        prompt = last_pages(self.scene.prompt)
        self.state = self.writer.start(prompt, self.scene.seed)
        self.line = self.cast.line_of(prompt)
        self.blank = not prompt.strip() or prompt.rstrip(" ").endswith("\n\n")
        self.done = self.scene.max_new_tokens == 0
        self.started = True

    @property
    def wants_more(self) -> bool:
        """Whether another word is to be written."""
        return self.started and not self.done and not self.out_of_time

    def go_on(self, seconds: float = float("inf")) -> None:
        """Writes alone for so long, a word at least, or to the end."""
        end = time.perf_counter() + seconds
        while not self.done:
            step([self])
            if time.perf_counter() >= end:
                break

    def take(self, piece: str, after: Any) -> None:
        """Appends a word that was drawn."""
        self.words += 1
        word = piece.strip(" ")
        if word == "\n" and self.scene.one_line:
            self.done = bool(self.chunks)
            # An empty line is no line: draw again.
            self.state = self.writer.redrawn(self.state, after)
        else:
            self.state = after
            self.chunks.append(piece)
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
        cased = sentence_case(self.before + "".join(self.chunks), self.names)
        return self.before + cased[len(self.before) :] + self.scene.after


def last_pages(text: str) -> str:
    """What is read of a long text: its end, from the beginning of a line if there is one."""
    if len(text) <= READ:
        return text
    return text[text.find("\n", len(text) - READ, -1) + 1 :][-READ:]


def step(writings: list[Writing]) -> None:
    """One more word for each of some scenes of one model, side by side: faster than by turns."""
    writer = writings[0].writer
    states, scenes = [each.state for each in writings], [each.scene for each in writings]
    drawn = writer.next(states, scenes, [[] for _ in writings])
    others = [
        (place, choices)
        for place, (each, (piece, _)) in enumerate(zip(writings, drawn, strict=True))
        if (choices := each.cast.instead(each.line, each.blank, piece))
    ]
    if others:
        places, allowed = zip(*others, strict=True)
        redrawn = [writer.redrawn(states[place], drawn[place][1]) for place in places]
        again = writer.next(redrawn, [scenes[place] for place in places], list(allowed))
        for place, found in zip(places, again, strict=True):
            drawn[place] = found
    for each, (piece, after) in zip(writings, drawn, strict=True):
        each.take(piece, after)
