"""Writes scenes with onnxruntime and numpy alone: python consumer.py FOLDER PROMPT [SEED]"""

import hashlib
import json
import pathlib
import sys

import numpy as np
import onnxruntime


def load(folder, model="model.onnx"):
    """A bundle's folder: (the network, the speller or None, the vocabulary)."""
    paths = [pathlib.Path(folder, name) for name in (model, "speller.onnx")]
    sessions = [onnxruntime.InferenceSession(path) for path in paths if path.exists()]
    text = pathlib.Path(folder, "vocab.json").read_bytes()
    about = sessions[0].get_modelmeta().custom_metadata_map
    if hashlib.sha256(text).hexdigest() != about["vocabulary_sha256"]:
        sys.exit(f"{folder}: vocab.json and {model} are not of one export")
    return sessions[0], [*sessions, None][1], json.loads(text)


def sample_token(scores, random, temperature, top_p, top_k=0, min_p=0.0):
    """The place in scores that the next random number picks; `random` moves on by one number."""
    random[:] = random[0] * 40014 % 2147483563, random[1] * 40692 % 2147483399
    u = ((random[0] - random[1]) % 2147483562 or 2147483562) / 2147483563
    falling = -np.sort(-scores)[: (top_k or None) if temperature > 0 else 1]
    chances = np.exp((falling - falling[0]) / (temperature or 1))
    sums = chances.cumsum()
    kept = min((sums < top_p * sums[-1]).sum() + 1, (chances >= min_p * chances[0]).sum())
    place = (sums[:kept] <= u * sums[kept - 1]).sum()
    # Of equals the lower place goes first.
    return np.flatnonzero(scores == falling[place])[place - (falling > falling[place]).sum()]


def generate(bundle, prompt, max_new_tokens=200, temperature=0.8, top_k=0, top_p=0.95, min_p=0.0,
             repetition_penalty=1.0, no_repeat_ngram_size=0, seed=0):  # fmt: skip
    """The words that a bundle writes after a prompt; specification.md tells each step."""
    model, speller, vocabulary = bundle
    cache = json.loads(model.get_modelmeta().custom_metadata_map["cache"])
    symbols, text = vocabulary["symbols"], vocabulary["primer"] + prompt
    for old, new in vocabulary["normalization"] + [
        [symbol, f" {symbols[symbol]} "] for symbol in symbols
    ]:
        text = text.replace(old, new)
    given = [word for word in text.encode().lower().decode().split(" ") if word]  # lowers ASCII
    words, typed = list(vocabulary["words"]), {symbols[symbol]: symbol for symbol in symbols}
    spared = {i for i, word in enumerate(words) if word in typed or word.endswith((":", "]"))}
    size, unknown = len(words), words.index(vocabulary["unknown"])
    words[unknown] = None  # no text has this word; those met outside the vocabulary join the list
    ids = {word: number for number, word in enumerate(words)}
    random = [1 + seed % 2147483562, 1 + (seed * 69069 + 12345) % 2147483398]
    _ = [
        sample_token(np.zeros(1), random, 1, 1) for _ in range(8)
    ]  # neighbouring seeds begin alike
    h = c = np.zeros([n if n != "batch" else 1 for n in model.get_inputs()[1].shape], np.float32)
    numbers, keys, scores, n = [], [], None, no_repeat_ngram_size
    for word in given + [None] * max_new_tokens:  # None: to be written
        if word is None:
            recent = numbers[len(vocabulary["primer"]) :][-1000:]  # the primer is new lines alone
            scores = np.append(scores[0, 0].astype(float), [-np.inf] * (len(words) - size))
            if cache["size"] and recent:
                past = np.array(keys[-1 - len(recent) : -1][-cache["size"] :])
                alike = cache["theta"] * (past @ keys[-1])
                weights = np.exp(alike - alike.max())
                found = np.bincount(recent[-len(past) :], weights / weights.sum(), len(words))
                chances = np.exp(scores - (total := np.log(np.exp(scores).sum())))
                bound = np.append(chances[:size], [chances[unknown]] * (len(words) - size))
                mixed = cache["weight"] * np.minimum(found, cache["max_ratio"] * bound)
                with np.errstate(divide="ignore"):  # a word remembered no more has no chance
                    scores = np.log(mixed + (1 - mixed.sum()) * chances) + total
            scores[unknown] -= 0 if speller else np.inf
            for i in set(recent[-64:]) - spared:
                scores[i] *= 1 / repetition_penalty if scores[i] > 0 else repetition_penalty
            last = recent[len(recent) - n + 1 :] if n else None
            again = {recent[e] for e in range(n - 1, len(recent)) if recent[e - n + 1 : e] == last}
            scores[list(again - spared)] = -np.inf
            word = words[sample_token(scores, random, temperature, top_p, top_k, min_p)]
            if word is None:
                about = speller.get_modelmeta().custom_metadata_map
                letters, calm = (
                    json.loads(about["letters"]),
                    float(about["spelling_temperature_scale"]),
                )
                word, letter, state = "", 0, np.zeros([1, speller.get_inputs()[1].shape[1]], "f4")
                while (letter or not word) and len(word) < int(about["longest"]):
                    step = {"letter": np.array([letter]), "h": state, "features": keys[-1][None]}
                    found, state = speller.run(None, step)
                    found[0, [1] if word else [0, 1]] = -np.inf  # no rare letter, no empty word
                    letter = sample_token(found[0].astype(float), random, calm * temperature, top_p)
                    word += letters[letter - 2] if letter else ""
        words += [word] if word not in ids else []
        numbers.append(ids.setdefault(word, len(ids)))
        token = np.array([[numbers[-1] if numbers[-1] < size else unknown]])
        scores, h, c, features = model.run(None, {"tokens": token, "h": h, "c": c})
        keys.append(features[0, 0])
    return [typed.get(words[i], words[i]) for i in numbers[len(given) :]]


if __name__ == "__main__":
    print(sys.argv[2], *generate(load(sys.argv[1]), sys.argv[2], seed=int([*sys.argv, 0][3])))
