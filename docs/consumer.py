"""Generates scenes with ONNX Runtime and NumPy alone: python consumer.py FOLDER PROMPT [SEED]"""

import hashlib
import json
import pathlib
import sys

import numpy as np
import onnxruntime

VERSION = 2  # of vocab.json


def load(folder, model="model.onnx"):
    """The bundle of a folder: (the network, the speller or None, the vocabulary)."""
    paths = [pathlib.Path(folder, name) for name in (model, "speller.onnx")]
    sessions = [onnxruntime.InferenceSession(path) for path in paths if path.exists()]
    text = pathlib.Path(folder, "vocab.json").read_bytes()
    vocabulary = json.loads(text)
    if vocabulary["version"] != VERSION:
        sys.exit(f"vocab.json has version {vocabulary['version']}: export the model again")
    metadata = sessions[0].get_modelmeta().custom_metadata_map
    if hashlib.sha256(text).hexdigest() != metadata["vocabulary_sha256"]:
        sys.exit(f"{folder}: vocab.json and {model} are of different exports")
    return sessions[0], [*sessions, None][1], vocabulary


def sample_token(scores, state, temperature, top_p, top_k=0, min_p=0.0):
    """The index of the sampled score; `state`, of the random numbers, is updated in place."""
    state[:] = state[0] * 40014 % 2147483563, state[1] * 40692 % 2147483399
    u = ((state[0] - state[1]) % 2147483562 or 2147483562) / 2147483563
    chances = np.exp((scores - scores.max()) / temperature) if temperature else scores
    ranked = np.argsort(-chances, kind="stable")[: (top_k or None) if temperature else 1]
    weights = chances[ranked] if temperature else np.ones(1)
    sums = weights.cumsum()
    kept = min((sums < top_p * sums[-1]).sum() + 1, (weights >= min_p * weights[0]).sum())
    return ranked[(sums[:kept] <= u * sums[kept - 1]).sum()]


def spell(speller, features, state, temperature, top_p):
    """An out-of-vocabulary word, letter by letter."""
    metadata = speller.get_modelmeta().custom_metadata_map
    letters, scale = json.loads(metadata["letters"]), metadata["spelling_temperature_scale"]
    excluded = [1, *(n for n, letter in enumerate(letters, 2) if has_bracket(letter))]
    word, letter, h = "", 0, np.zeros([1, speller.get_inputs()[1].shape[1]], np.float32)
    while (letter or not word) and len(word) < int(metadata["longest"]):
        inputs = {"letter": np.array([letter]), "h": h, "features": features[None]}
        scores, h = speller.run(None, inputs)
        scores[0, excluded if word else [0, *excluded]] = -np.inf  # 0: no empty word
        letter = sample_token(scores[0].astype(float), state, float(scale) * temperature, top_p)
        word += letters[letter - 2] if letter else ""
    return word


def has_bracket(word):
    """Whether a word outside the vocabulary has a bracket, which the rules cannot balance."""
    return not set(word).isdisjoint("[]()")


def mix_cache(scores, cache, keys, recent, features, unknown):
    """The scores with the neural cache mixed in; all entries from the vocabulary's size on are -inf
    in `scores`: they belong to out-of-vocabulary words."""
    similarity = cache["theta"] * (keys @ features)
    weights = np.exp(similarity - similarity.max())
    cached = np.bincount(recent, weights / weights.sum(), len(scores))
    total = np.log(np.exp(scores - scores.max()).sum()) + scores.max()
    probabilities = np.exp(scores - total)
    bound = np.where(np.isneginf(scores), probabilities[unknown], probabilities)
    mixed = cache["weight"] * np.minimum(cached, cache["max_ratio"] * bound)
    with np.errstate(divide="ignore"):  # an out-of-vocabulary word that left the cache
        return np.log(mixed + (1 - mixed.sum()) * probabilities) + total


def role_of(word, symbols):
    """1 to 4 for "(", ")", "[word" and "word]", 5 for a line end, 6 for a speaker, else 0."""
    if word.startswith("[") != word.endswith("]"):
        return 3 if word.startswith("[") else 4
    if word.endswith(":") and word != ":":
        return 0 if word.startswith("[") else 6
    return {symbols["("]: 1, symbols[")"]: 2, symbols["\n"]: 5}.get(word, 0)


def apply_structure(scores, recent, roles, speaker_repeat, heading):
    """Balances brackets within a line; limits how likely the last speaker speaks again."""
    line = [roles[i] if i < len(roles) else 0 for i in recent[-256:]]
    here = line[len(line) - line[::-1].index(5) :] if 5 in line else line
    place = max([i for i, role in enumerate(here) if role in (1, 2, 3, 4)], default=-1)
    bracket = here[place] if place >= 0 else 0
    excluded = {1: (1, 3, 4, 5), 3: (1, 2, 3, 5)}.get(bracket, (2, 4))
    if bracket in (1, 3) and len(here) - place > {1: 40, 3: 10}[bracket]:
        excluded = {0, 1, 2, 3, 4, 5, 6} - {bracket + 1}
    if heading and here[-1:] == [4]:
        excluded = {0, 1, 2, 3, 4, 6}  # a heading ends its line
    out = np.isin(roles, list(excluded))
    if heading and bracket == 3:
        out |= ~np.isin(np.arange(len(roles)), heading) & (len(here) - place <= 10)
    kept = np.where(out, -np.inf, scores[: len(roles)])
    scores[: len(roles)] = kept if kept.max() > -np.inf else scores[: len(roles)]
    if speaker_repeat == 1 or line[-1:] not in ([], [5]):
        return
    starts = [i for i in range(len(line)) if (line[i - 1] == 5 if i else len(recent) <= 256)]
    found = [i for i in starts if line[i] not in (1, 3, 5)]  # neither direction nor blank
    if found and line[found[-1]] == 6:
        word, rate = recent[-256:][found[-1]], max(speaker_repeat, 1e-6)
        others = np.delete(scores, word)
        if (best := others.max()) > -np.inf:
            total = best + np.log(np.exp(others - best).sum())
            scores[word] = min(scores[word], total + np.log(rate / (1 - rate)))


def generate(bundle, prompt, max_new_tokens=200, temperature=0.8, top_k=0, top_p=0.95, min_p=0.0,
             repetition_penalty=1.0, no_repeat_ngram_size=0, invent_words=False,
             seed=0):  # fmt: skip
    """The list of words generated after a prompt. specification.md describes each step."""
    model, speller, vocabulary = bundle
    cache = json.loads(model.get_modelmeta().custom_metadata_map["cache"])
    symbols, text = vocabulary["symbols"], vocabulary["primer"] + prompt
    replacements = vocabulary["normalization"] + [[s, f" {symbols[s]} "] for s in symbols]
    for old, new in replacements:
        text = text.replace(old, new)
    prompt_words = [word for word in text.encode().lower().decode().split(" ") if word]  # ASCII
    words, characters = list(vocabulary["words"]), {symbols[symbol]: symbol for symbol in symbols}
    exempt = {i for i, word in enumerate(words) if word in characters or word.endswith((":", "]"))}
    roles = [role_of(word, symbols) for word in words]
    heading = [words.index(word) for word in vocabulary.get("heading_words", [])]
    size, unknown, n = len(words), words.index(vocabulary["unknown"]), no_repeat_ngram_size
    words[unknown] = None  # not a word of any text; out-of-vocabulary words are appended below
    ids = {word: number for number, word in enumerate(words)}
    state = [1 + seed % 2147483562, 1 + (seed * 69069 + 12345) % 2147483398]
    for _ in range(8):  # the first 8 random numbers are discarded
        sample_token(np.zeros(1), state, 1, 1)
    h = c = np.zeros([n if n != "batch" else 1 for n in model.get_inputs()[1].shape], np.float32)
    numbers, keys, scores = [], [], None
    for word in prompt_words + [None] * max_new_tokens:  # None: to be generated
        if word is None:
            recent = numbers[len(vocabulary["primer"]) :][-1000:]  # the primer is new lines only
            scores = np.append(scores[0, 0].astype(float), [-np.inf] * (len(words) - size))
            if cache["size"] and recent:
                past = np.array(keys[-1 - len(recent) : -1][-cache["size"] :])
                scores = mix_cache(scores, cache, past, recent[-len(past) :], keys[-1], unknown)
            scores[unknown] -= 0 if speller and invent_words else np.inf
            oov = enumerate(words[size:], size)
            scores[[i for i, w in oov if has_bracket(characters.get(w, w))]] = -np.inf
            apply_structure(scores, recent, roles, vocabulary["speaker_repeat"], heading)
            for i in set(recent[-64:]) - exempt:
                scores[i] *= 1 / repetition_penalty if scores[i] > 0 else repetition_penalty
            last = recent[len(recent) - n + 1 :] if n else None
            ends = [e for e in range(n - 1, len(recent)) if recent[e - n + 1 : e] == last]
            scores[list({recent[end] for end in ends} - exempt)] = -np.inf
            word = words[sample_token(scores, state, temperature, top_p, top_k, min_p)]
            if word is None:
                word = spell(speller, keys[-1], state, temperature, top_p)
        words += [word] if word not in ids else []
        numbers.append(ids.setdefault(word, len(ids)))
        token = np.array([[numbers[-1] if numbers[-1] < size else unknown]])
        scores, h, c, features = model.run(None, {"tokens": token, "h": h, "c": c})
        keys.append(features[0, 0])
    return [characters.get(words[i], words[i]) for i in numbers[len(prompt_words) :]]


if __name__ == "__main__":
    print(sys.argv[2], *generate(load(sys.argv[1]), sys.argv[2], seed=int([*sys.argv, 0][3])))
