# SPDX-License-Identifier: GPL-3.0-or-later
"""What words mean to a style, and a text cut into the longest phrases that mean something to it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType

from . import lexicon
from .card import Control, Style

LONGEST = 4  # words of a phrase
LIKENESS = 0.82  # of a misspelt word and the one that is meant
SHORTEST_GUESS = 4  # letters
TOKEN = re.compile(
    r"(?P<number>\d+(?:\.\d+)?|\.\d+)\s*(?P<unit>%|x\b)?|(?P<word>[^\W\d_]+(?:['’][^\W\d_]+)*)|(?P<mark>[,;.!?])"
)

Words = tuple[str, ...]


@dataclass(frozen=True)
class Meaning:
    """What a phrase says.

    Kinds: ``end`` of a control (amount 0 or 1), ``colour`` on a control (amount is the value), ``noun`` a control's name,
    ``speed`` (amount is the factor) and ``speed noun``; ``own`` and ``other`` styles; ``degree``, ``not``, ``step``
    (amount is the direction), ``most`` and ``level`` of what follows; ``number``; ``filler``, ``break`` and ``unknown``,
    for which there may be a reason (why). ``step`` and ``most`` are those of the word itself: taller.
    """

    kind: str
    control: str = ""
    amount: float = 0.0
    step: float = 0.0
    most: bool = False
    why: str = ""


@dataclass(frozen=True)
class Phrase:
    """Words of a text, from a place in it, with their meaning; ``guess`` is what a misspelt word was taken for."""

    text: str
    start: int
    meaning: Meaning
    guess: str = ""


@lru_cache(maxsize=64)  # the panel reads its text at each redraw
def phrases_of(style: Style, styles: tuple[Style, ...], *, paced: bool) -> Mapping[Words, Meaning]:
    """Everything that says something to a style; where a phrase has several meanings, the card's come first.

    ``paced`` tells whether the speed of the whole element can be set.
    """
    found: dict[Words, Meaning] = {(word,): Meaning("filler") for word in lexicon.FILLERS}
    found |= dict(_opposites(style))
    if paced:
        found |= {_split(name): Meaning("speed", amount=factor) for name, factor in lexicon.SPEEDS.items()}
        found |= {_split(name): Meaning("speed noun", "speed") for name in lexicon.SPEED_NAMES}
    found |= {_split(text): Meaning("degree", amount=amount) for text, amount in lexicon.DEGREES.items()}
    found |= {_split(text): Meaning("not", amount=1.0) for text in lexicon.NEGATIONS}
    found |= {_split(text): Meaning("step", amount=1.0) for text in lexicon.MORE}
    found |= {_split(text): Meaning("step", amount=-1.0) for text in lexicon.LESS}
    found[("half",)] = Meaning("number", amount=0.5)
    found |= {(lexicon.MOST,): Meaning("most", amount=1.0), (lexicon.LEAST,): Meaning("most", amount=-1.0)}
    for other in styles:
        if other.name != style.name:
            found |= {words: Meaning("other", why=f"{other.name} is a style of its own") for words in _names(other)}
    found |= dict(_colours(style))
    found |= {words: Meaning("own") for words in _names(style)}
    for control in style.controls:
        for amount, words in ((0.0, control.low), (1.0, control.high)):
            for text in words:
                if not (_is_colour(control) and text in lexicon.HUES):
                    found[_split(text)] = Meaning("end", control.name, amount)
    found |= {_split(control.name): Meaning("noun", control.name) for control in style.controls}
    found.pop((), None)
    return MappingProxyType(found)


def read_phrases(text: str, known: Mapping[Words, Meaning]) -> list[Phrase]:
    """The text as the longest phrases known, from left to right; nothing of it is left out."""
    tokens = list(TOKEN.finditer(text.lower()))
    levels = {_split(name): Meaning("level", amount=amount) for name, amount in lexicon.LEVELS.items()}
    phrases: list[Phrase] = []
    place = 0
    while place < len(tokens):
        token = tokens[place]
        if token["number"]:
            phrases.append(Phrase(token[0].strip(), place, Meaning("number", amount=_number(token))))
            place += 1
            continue
        if token["mark"]:
            phrases.append(Phrase(token[0], place, Meaning("break")))
            place += 1
            continue
        words = _words_from(tokens, place)
        length, meaning, guess = _longest(words, known)
        count = next((n for n in range(min(LONGEST, len(words)), 0, -1) if words[:n] in levels), 0)
        if count and (_noun_follows(words[count:], known) or (phrases and _noun_waits(phrases))):
            length, meaning, guess = count, levels[words[:count]], ""
        phrases.append(Phrase(" ".join(words[:length]), place, meaning, guess))
        place += length
    return phrases


def _longest(words: Words, known: Mapping[Words, Meaning]) -> tuple[int, Meaning, str]:
    """How many of the words make the longest phrase, its meaning, and what it was taken for if it was misspelt."""
    for count in range(min(LONGEST, len(words)), 0, -1):
        if words[:count] in known:
            return count, known[words[:count]], ""
    word = words[0]
    for meaning in _inflected(word, known):
        return 1, meaning, ""
    for guess in _alike(word, known):
        return 1, known[(guess,)], guess
    return 1, Meaning("unknown"), ""


def _inflected(word: str, known: Mapping[Words, Meaning]) -> Iterator[Meaning]:
    """What a word means as a form of another: taller, densest, calmly, bluish, torches."""
    for ending in ("er", "est", "ly", "ish"):
        stem = word.removesuffix(ending)
        if stem == word or len(stem) < 2:
            continue
        for base in (stem, stem + "e", stem[:-1] + "y" if stem[-1] == "i" else "", _undoubled(stem)):
            meaning = known.get((base,))
            if meaning and meaning.kind in ("end", "colour", "speed"):
                yield replace(meaning, step=float(ending == "er"), most=ending == "est")
    for stem in (word.removesuffix("s"), word.removesuffix("es")):
        meaning = known.get((stem,)) if stem != word else None
        if meaning and meaning.kind in ("own", "other", "noun"):
            yield meaning


def _alike(word: str, known: Mapping[Words, Meaning]) -> Iterator[str]:
    """Known words that a misspelt one may be, the likeliest first."""
    if len(word) < SHORTEST_GUESS:
        return
    wanted = [w[0] for w, m in known.items() if len(w) == 1 and len(w[0]) >= SHORTEST_GUESS and m.kind != "filler"]
    yield from (w for w in wanted if w[0] == word[0] and sorted(w) == sorted(word))
    yield from difflib.get_close_matches(word, wanted, n=1, cutoff=LIKENESS)


def _opposites(style: Style) -> Iterator[tuple[Words, Meaning]]:
    """Words that are like one on the card, or its opposite."""
    for low, high in lexicon.OPPOSITES:
        ends = {}
        for control in style.controls:
            sides = [
                (w in high) != reverse
                for reverse, ws in ((True, control.low), (False, control.high))
                for w in ws
                if w in low + high
            ]
            if sides:
                ends[control.name] = sum(sides) * 2 >= len(sides)
        for amount, words in ((0.0, low), (1.0, high)):
            for word in words:
                if len(ends) == 1:
                    (name, upright), *_ = ends.items()
                    yield _split(word), Meaning("end", name, amount if upright else 1 - amount)
                elif ends:
                    yield _split(word), Meaning("unknown", why=f"{' or '.join(ends)}?")


def _colours(style: Style) -> Iterator[tuple[Words, Meaning]]:
    """Colours, on the style's control of colour if it has one."""
    for control in filter(_is_colour, style.controls):
        low, high = (next(w for w in words if w in lexicon.HUES) for words in (control.low, control.high))
        for word in lexicon.HUES.keys() | lexicon.HEAT.keys():
            value = _place(word, control)
            if value is None:
                yield (word,), Meaning("unknown", why=f"{control.name} goes from {low} to {high}")
            else:
                yield (word,), Meaning("colour", control.name, round(value, 2))


def _place(word: str, control: Control) -> float | None:
    """Where on a control of colour a colour is, in 0..1; None where it is nowhere.

    Heat goes from red by yellow and white to blue; all others the shorter way round the colour wheel.
    """
    if _is_heat(control):
        return lexicon.HEAT.get(word)
    if word not in lexicon.HUES:
        return None
    start, stop = (next(lexicon.HUES[w] for w in words if w in lexicon.HUES) for words in (control.low, control.high))
    arc = (stop - start + 180) % 360 - 180
    way = (lexicon.HUES[word] - start) * (1 if arc >= 0 else -1) % 360
    if way <= abs(arc):
        return way / abs(arc) if arc else 0.0
    if word in control.high or (word not in control.low and way - abs(arc) <= lexicon.REACH):
        return 1.0
    return 0.0 if word in control.low or 360 - way <= lexicon.REACH else None


def _is_colour(control: Control) -> bool:
    return all(any(word in lexicon.HUES for word in words) for words in (control.low, control.high))


def _is_heat(control: Control) -> bool:
    return "cool" in control.low or "hot" in control.high


def _names(style: Style) -> Iterator[Words]:
    for text in (style.name, *style.words, *lexicon.STYLES.get(style.name, ())):
        if words := _split(text):
            yield words


def _noun_follows(words: Words, known: Mapping[Words, Meaning]) -> bool:
    while words and words[0] in ("of", "the", "a"):
        words = words[1:]
    return bool(words) and any(
        known.get(words[:n], Meaning("")).kind in ("noun", "speed noun") for n in range(1, LONGEST + 1)
    )


def _noun_waits(phrases: Sequence[Phrase]) -> bool:
    last = next((p for p in reversed(phrases) if p.meaning.kind != "filler"), None)
    return last is not None and last.meaning.kind in ("noun", "speed noun")


def _number(token: re.Match[str]) -> float:
    """A number as a share of 1: 0.8, 80% and 80 are the same; 2x is 2."""
    number = float(token["number"])
    if token["unit"] == "x":
        return number
    return number / 100 if token["unit"] or number > 10 else number


def _words_from(tokens: Sequence[re.Match[str]], place: int) -> Words:
    words = []
    for token in tokens[place : place + LONGEST + 3]:
        if not token["word"]:
            break
        words.append(token["word"])
    return tuple(words)


@lru_cache(4096)  # cards and the lexicon say the same words for every text that is read
def _split(text: str) -> Words:
    return tuple(re.findall(r"[^\W\d_]+(?:['’][^\W\d_]+)*", text.lower()))


def _undoubled(stem: str) -> str:
    return stem[:-1] if len(stem) > 2 and stem[-1] == stem[-2] else ""
