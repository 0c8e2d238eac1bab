"""The module that is compiled to the TorchScript file: text in, text out."""

from typing import List, Optional, Tuple

import torch

from data.tokens import normalize
from export.torchscript.stream import ScriptStream, State
from job.layers.sampling import Options, check, seeded


class ScriptWriter(ScriptStream):
    """A trained network with everything needed to generate whole texts."""

    @torch.jit.export
    def top_next(
        self, prompt: str, n: int = 10, invent_words: bool = False
    ) -> List[Tuple[str, float]]:
        """The `n` most likely next words after a prompt, each with its probability.

        The probabilities are those of `generate` at temperature 1, without penalties and the rules
        for brackets and speakers. The unknown token has probability 0; with `invent_words` the
        difference of the total from 1 belongs to words that the speller would write.
        """
        if n < 1:
            raise ValueError(f"n must be 1 or above, not {n}")
        state = self.stream_start(prompt, 0)
        x, _ = self.read_one(self.last_words([state]), state[0])
        scores = self.next_scores(self.output(x)[0], x[0], state).to(torch.float64)
        if not (invent_words and self.speller.enabled):
            scores[self.unknown_id] = -float("inf")
        probabilities = torch.softmax(scores, 0)
        probabilities[self.unknown_id] = 0.0
        values, ids = torch.topk(probabilities, min(n, probabilities.size(0)))
        probability_list: List[float] = values.tolist()
        numbers: List[int] = ids.tolist()
        result: List[Tuple[str, float]] = []
        for place, number in enumerate(numbers):
            result.append((self.text_of(number, state[4]), probability_list[place]))
        return result

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
        invent_words: bool = False,
        stop: Optional[List[str]] = None,
    ) -> str:
        """The prompt followed by up to `max_new_tokens` generated words and punctuation marks.

        Args:
            temperature: divides the scores; 0 is greedy decoding.
            top_k: samples from the k most likely words; 0 is off.
            top_p: nucleus sampling (Holtzman et al., 2019); 1 is off.
            min_p: minimum probability relative to the most likely word (Nguyen et al., 2024); 0 is
                off.
            repetition_penalty: Keskar et al. (2019); 1 is off.
            seed: from 0 to 2147483647; the same seed generates the same text.
            no_repeat_ngram_size: no n-gram of this size is generated twice; 0 is off.
            invent_words: whether the speller may write new words, letter by letter. Otherwise all
                words are those of the vocabulary, and those of the prompt, which the cache repeats.
            stop: texts that end the generation; the generated text is cut before the first of them.
        """
        options = Options(
            temperature,
            top_k,
            top_p,
            min_p,
            repetition_penalty,
            no_repeat_ngram_size,
            invent_words,
        )
        return self.generate_all([prompt], max_new_tokens, options, [seed], stop)[0]

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
        invent_words: bool = False,
        stop: Optional[List[str]] = None,
    ) -> List[str]:
        """`generate` for a batch of prompts; the n-th prompt, from 0, has the seed `seed` + n.

        The seed after 2147483647 is 0. Each text is the same as that of `generate` alone.
        """
        options = Options(
            temperature,
            top_k,
            top_p,
            min_p,
            repetition_penalty,
            no_repeat_ngram_size,
            invent_words,
        )
        seeded(seed)  # raises for a seed out of range
        seeds = [(seed + number) % 2147483648 for number in range(len(prompts))]
        return self.generate_all(prompts, max_new_tokens, options, seeds, stop)

    def generate_all(
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
        no_restriction: List[int] = []
        stops: List[str] = []
        if stop is not None:
            for text in stop:
                if text == "":
                    raise ValueError("stop must hold no empty text")
                # Generated text is normalized and in lower case.
                stops.append(normalize(text, self.normalization))
        states: List[State] = []
        for number, prompt in enumerate(prompts):
            states.append(self.stream_start(prompt, seeds[number]))
        active = list(range(len(prompts)))
        generated: List[List[str]] = [[""] for _ in prompts]
        for _ in range(max_new_tokens):
            if len(active) == 0:
                break
            new_texts, after = self.advance(
                [states[number] for number in active],
                [options for _ in active],
                [no_restriction for _ in active],
            )
            still_active: List[int] = []
            for row, number in enumerate(active):
                states[number] = after[row]
                generated[number].append(new_texts[row])
                end = -1
                if len(stops) > 0:
                    end = find_stop("".join(generated[number]), stops)
                if end >= 0:
                    generated[number] = ["".join(generated[number])[:end]]
                else:
                    still_active.append(number)
            active = still_active
        texts: List[str] = []
        for number, prompt in enumerate(prompts):
            texts.append(prompt.rstrip(" ") + "".join(generated[number]))
        return texts


def find_stop(text: str, stops: List[str]) -> int:
    """The index of the first stop text in `text`; -1 if there is none."""
    first = -1
    for stop in stops:
        place = text.find(stop)
        if place >= 0 and (first < 0 or place < first):
            first = place
    return first


def script(writer: ScriptWriter) -> torch.jit.ScriptModule:
    """Compiles a writer, in evaluation mode: scripting in training mode would keep dropout on."""
    return torch.jit.script(writer.eval())
