"""The module that becomes the TorchScript file: text in, text out, and nothing else needed."""

from typing import List, Optional, Tuple

import torch

from data.tokens import normalize
from export.torchscript.stream import ScriptStream, State
from job.layers.sampling import Options, check, seeded


class ScriptWriter(ScriptStream):
    """A trained network with its vocabulary and its way of choosing words: whole texts."""

    @torch.jit.export
    def top_next(self, prompt: str, n: int = 10) -> List[Tuple[str, float]]:
        """The `n` likeliest next words after a prompt, with their probabilities, likeliest first.

        As `generate` weighs them at temperature 1. Words that would be spelled are not among them:
        what is missing to a sum of 1 is theirs.
        """
        if n < 1:
            raise ValueError(f"n must be 1 or above, not {n}")
        state = self.stream_start(prompt, 0)
        x, _ = self.read(self.last_words([state]), state[0])
        probabilities = torch.softmax(self.next_scores(self.output(x)[0, 0], x[0, 0], state), 0)
        probabilities[self.unknown_id] = 0.0
        values, ids = torch.topk(probabilities.double(), min(n, probabilities.size(0)))
        chances: List[float] = values.tolist()
        numbers: List[int] = ids.tolist()
        found: List[Tuple[str, float]] = []
        for place, number in enumerate(numbers):
            found.append((self.text_of(number, state[4]), chances[place]))
        return found

    @torch.jit.export
    def generate(
        self,
        prompt: str = "",
        max_new_tokens: int = 200,
        temperature: float = 0.8,
        top_k: int = 0,
        top_p: float = 0.95,
        min_p: float = 0.0,
        repetition_penalty: float = 1.0,
        seed: int = 0,
        no_repeat_ngram_size: int = 0,
        stop: Optional[List[str]] = None,
    ) -> str:
        """The prompt, and up to `max_new_tokens` words and punctuation marks written after it.

        temperature 0 takes the likeliest word each time; top_k 0, top_p 1, min_p 0,
        repetition_penalty 1 and no_repeat_ngram_size 0 switch these off. What is written ends
        before the first of the texts in `stop`. The same seed writes the same text.
        """
        options = Options(
            temperature, top_k, top_p, min_p, repetition_penalty, no_repeat_ngram_size
        )
        return self.write([prompt], max_new_tokens, options, [seed], stop)[0]

    @torch.jit.export
    def generate_batch(
        self,
        prompts: List[str],
        max_new_tokens: int = 200,
        temperature: float = 0.8,
        top_k: int = 0,
        top_p: float = 0.95,
        min_p: float = 0.0,
        repetition_penalty: float = 1.0,
        seed: int = 0,
        no_repeat_ngram_size: int = 0,
        stop: Optional[List[str]] = None,
    ) -> List[str]:
        """As `generate` for every prompt side by side, the n-th (from 0) with the seed plus n.

        After the largest seed comes 0.
        """
        options = Options(
            temperature, top_k, top_p, min_p, repetition_penalty, no_repeat_ngram_size
        )
        seeded(seed)  # refuses one out of range
        seeds = [(seed + number) % 2147483648 for number in range(len(prompts))]
        return self.write(prompts, max_new_tokens, options, seeds, stop)

    def write(
        self,
        prompts: List[str],
        max_new_tokens: int,
        options: Options,
        seeds: List[int],
        stop: Optional[List[str]],
    ) -> List[str]:
        """`generate` for several prompts and seeds."""
        check(options)
        if max_new_tokens < 0:
            raise ValueError(f"max_new_tokens must be 0 or above, not {max_new_tokens}")
        everything: List[int] = []
        stops: List[str] = []
        if stop is not None:
            for ending in stop:
                if ending == "":
                    raise ValueError("stop must hold no empty text: it would stop at once")
                stops.append(
                    normalize(ending, self.normalization)
                )  # what is written is in lower case
        states: List[State] = []
        for number, prompt in enumerate(prompts):
            states.append(self.stream_start(prompt, seeds[number]))
        going = list(range(len(prompts)))
        pieces: List[List[str]] = [[""] for _ in prompts]
        for _ in range(max_new_tokens):
            if len(going) == 0:
                break
            new, after = self.advance(
                [states[number] for number in going],
                [options for _ in going],
                [everything for _ in going],
            )
            still: List[int] = []
            for place, number in enumerate(going):
                states[number] = after[place]
                pieces[number].append(new[place])
                end = -1
                if len(stops) > 0:
                    end = stopped("".join(pieces[number]), stops)
                if end >= 0:
                    pieces[number] = ["".join(pieces[number])[:end]]
                else:
                    still.append(number)
            going = still
        texts: List[str] = []
        for number, prompt in enumerate(prompts):
            texts.append(prompt.rstrip(" ") + "".join(pieces[number]))
        return texts


def stopped(text: str, stops: List[str]) -> int:
    """Where the first of the texts that end a scene begins; -1 if none does."""
    first = -1
    for ending in stops:
        place = text.find(ending)
        if place >= 0 and (first < 0 or place < first):
            first = place
    return first


def script(writer: ScriptWriter) -> torch.jit.ScriptModule:
    """Compiles a writer. In evaluation mode: scripting would bake dropout in otherwise."""
    return torch.jit.script(writer.eval())
