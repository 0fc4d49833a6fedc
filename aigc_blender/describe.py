# SPDX-License-Identifier: GPL-3.0-or-later
"""From a line of text to a style and its controls, by the words on the model cards: "tall slow blue torch, dense".

Nothing is learnt and nothing is sent anywhere: each word's effect is told, and so is each word that had none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from . import lexicon
from .card import Control, Style
from .phrases import Phrase, phrases_of, read_phrases


@dataclass(frozen=True)
class Effect:
    """What some words did: ``tall`` -> ``height 0.88``; ``guess`` is the word that a misspelt one was taken for."""

    words: str
    what: str
    guess: str = ""


@dataclass(frozen=True)
class Unread:
    """Words without an effect, and why."""

    words: str
    why: str = ""


@dataclass(frozen=True)
class Described:
    """What a text asks for: a style (None: none is known), controls in 0..1, and the speed if it says one."""

    style: Style | None
    values: Mapping[str, float]
    speed: float | None
    effects: tuple[Effect, ...]
    unread: tuple[Unread, ...]


def describe(
    text: str,
    styles: Sequence[Style],
    current: Style | None = None,
    values: Mapping[str, float] | None = None,
    speed: float | None = None,
) -> Described:
    """Read a text.

    Args:
        text: Anything.
        styles: Those there are; ``current``, if any, is one of them and is meant where the text names none.
        values: The current style's controls as they stand, for "taller" and "less wind".
        speed: How fast the element moves now; None where its speed cannot be set.
    """
    own = _read(text, current, styles, values, speed) if current is not None else None
    if own is not None and not own.unread:
        return Described(own.style, own.values, own.speed, tuple(own.effects), ())
    readings = [own if own and style is current else _read(text, style, styles, None, speed) for style in styles]
    chosen, doubts = _choose(readings, own)
    if chosen is None:
        return Described(None, {}, None, (), (*doubts, *_words_of(text)))
    known = {word: _owners(word, styles, chosen.style) for word in {u.words for u in chosen.unread if not u.why}}
    unread = tuple(u if u.why or not known[u.words] else Unread(u.words, known[u.words]) for u in chosen.unread)
    return Described(chosen.style, chosen.values, chosen.speed, tuple(chosen.effects), (*doubts, *unread))


@dataclass
class _Reading:
    """A text as one style understands it."""

    style: Style
    values: dict[str, float] = field(default_factory=dict)
    speed: float | None = None
    effects: list[Effect] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    named: str = ""  # by which of the text's words
    named_by_guess: bool = False
    said_by: dict[str, str] = field(default_factory=dict)  # words that last set a control


def _choose(readings: Sequence[_Reading], own: _Reading | None) -> tuple[_Reading | None, list[Unread]]:
    """The reading of the style that is meant, and what was in doubt; ``own`` is that of the current one."""
    pool = [r for r in readings if r.named and not r.named_by_guess] or [r for r in readings if r.named]
    if pool:
        most = max(map(_understood, pool))
        best = [r for r in pool if _understood(r) == most]
        chosen = own if own in best and own is not None else best[0]
        rivals = [r.style.name for r in best if r is not chosen and r.named == chosen.named]
        return chosen, [Unread(chosen.named, f"also {_list(rivals)}")] if rivals else []
    length = max((len(r.effects) for r in readings), default=0)
    best = [r for r in readings if len(r.effects) == length]
    if own is not None and (own in best or len(best) > 1):
        return own, []
    return (best[0], []) if len(best) == 1 and length else (None, [])


def _understood(reading: _Reading) -> tuple[int, int]:
    return len(reading.effects), -len(reading.unread)


def _read(
    text: str, style: Style, styles: Sequence[Style], values: Mapping[str, float] | None, speed: float | None
) -> _Reading:
    """The text as a style understands it."""
    reader = _Reader(style, dict(values or {}), speed)
    phrases = read_phrases(text, phrases_of(style, tuple(styles), paced=speed is not None))
    for index, phrase in enumerate(phrases):
        following = next((p for p in phrases[index + 1 :] if p.meaning.kind != "filler"), None)
        reader.take(phrase, following)
    reader.flush()
    return reader.reading


class _Reader:
    """Takes phrases one by one: words that say how much wait for the word that they belong to."""

    def __init__(self, style: Style, values: dict[str, float], speed: float | None) -> None:
        self.reading = _Reading(style)
        self._now = {c.name: values.get(c.name, c.default) for c in style.controls}
        self._speed = speed
        self._waiting: list[Phrase] = []
        self._noun: Phrase | None = None  # a control that was named and not yet set
        self._set: Phrase | None = None  # what was set last, for a number that follows it
        self._last: tuple[Phrase, list[Phrase]] | None = None  # and all that was said of it, for "as possible"

    def take(self, phrase: Phrase, following: Phrase | None) -> None:
        """Carry on by one phrase; ``following`` is the next that means something."""
        meaning = phrase.meaning
        match meaning.kind:
            case "filler":
                pass
            case "break":
                self.flush()
            case "level" if self._noun is not None and not _is_noun(following):
                self._set_noun(self._noun, [phrase])
            case "degree" if phrase.text == lexicon.ENDING and self._last and not (self._noun or self._waiting):
                self._take_ending(phrase, *self._last)
            case "degree" | "not" | "step" | "most" | "level":
                self._waiting.append(phrase)
            case "number":
                self._take_number(phrase, following)
            case "noun" | "speed noun":
                self._take_noun(phrase)
            case "end" | "colour":
                self._take_end(phrase)
            case "speed":
                self._take_speed(phrase, meaning.amount)
            case "own":
                self._take_own(phrase)
            case "other" if self._has("not"):  # without what is not there
                self._waiting.clear()
            case _:
                self._miss(phrase.text, meaning.why)

    def flush(self) -> None:
        """What waits has nothing to wait for any more."""
        if self._noun is not None:
            self._miss(self._noun.text, "how much?")
        for phrase in self._waiting:
            self._miss(phrase.text)
        self._waiting.clear()
        self._noun = self._set = self._last = None

    def _take_number(self, phrase: Phrase, following: Phrase | None) -> None:
        if self._noun is not None:
            self._set_noun(self._noun, [phrase])
        elif self._set is not None and (following is None or following.meaning.kind not in _SETTABLE):
            before, self._set = self._set, None
            self._set_end(before, [phrase])
        else:
            self._waiting.append(phrase)

    def _take_ending(self, phrase: Phrase, before: Phrase, modifiers: Sequence[Phrase]) -> None:
        words = self._spoken(before, modifiers)
        self.reading.effects = [e for e in self.reading.effects if e.words != words]
        self._waiting = [*modifiers, phrase]
        self.take(before, None)

    def _take_noun(self, phrase: Phrase) -> None:
        if self._noun is not None:
            self._miss(self._noun.text, "how much?")
            self._noun = None
        if self._waiting:
            self._set_noun(phrase, self._waiting)
        elif self._set is None or self._set.meaning.control != phrase.meaning.control:  # else "a tall height"
            self._noun = phrase

    def _take_end(self, phrase: Phrase) -> None:
        noun, self._noun = self._noun, None
        if noun is not None and noun.meaning.control != phrase.meaning.control:
            self._miss(noun.text, "how much?")
        self._set_end(phrase, self._waiting)

    def _take_speed(self, phrase: Phrase, factor: float) -> None:
        assert self._speed is not None, "else there are no such phrases"
        modifiers, words = list(self._waiting), self._spoken(phrase)
        if self._amount(modifiers, "not"):
            factor = 1.0
        elif self._amount(modifiers, "step") is not None or phrase.meaning.step:
            step = phrase.meaning.step or self._amount(modifiers, "step") or 1.0
            factor = 1.0 if factor == 0 and step < 0 else self._speed * factor ** (0.5 * step)  # less frozen: not
        elif (degree := self._amount(modifiers, "degree")) is not None and factor > 0:
            factor **= 2.0 if degree >= 0.9 else degree / lexicon.PLAIN
        self._put_speed(words, factor, phrase.guess)

    def _take_own(self, phrase: Phrase) -> None:
        if self._has("not"):
            self._miss(self._spoken(phrase), "the style itself")
            return
        reading = self.reading
        if not reading.named or (reading.named_by_guess and not phrase.guess):
            reading.named, reading.named_by_guess = phrase.text, bool(phrase.guess)
        shown = Effect(phrase.text, reading.style.name, phrase.guess)
        if all(effect.what != shown.what for effect in reading.effects):
            reading.effects.append(shown)
        for waiting in self._waiting:
            self._miss(waiting.text)
        self._waiting.clear()

    def _set_end(self, phrase: Phrase, modifiers: Sequence[Phrase]) -> None:
        """Set the control that a word of one of its ends, or a colour, belongs to."""
        control, end = self._control(phrase), phrase.meaning.amount
        number, degree = self._amount(modifiers, "number"), self._amount(modifiers, "degree")
        step = phrase.meaning.step or self._amount(modifiers, "step")
        negated, most = self._amount(modifiers, "not") is not None, self._amount(modifiers, "most")
        if phrase.meaning.kind == "colour" and not step:
            if negated:
                self._miss(self._spoken(phrase, modifiers), "say which colour instead")
                return
            value = end
        elif number is not None:
            if not 0 <= number <= 1:
                self._miss(self._spoken(phrase, modifiers), "a number from 0 to 1, or up to 100%")
                return
            value = number if end >= 0.5 else 1 - number
        elif step:
            towards = (
                (1.0 if end >= self._now[control.name] else -1.0) if phrase.meaning.kind == "colour" else 2 * end - 1
            )
            value = self._now[control.name] + lexicon.STEP * step * towards * (degree or lexicon.PLAIN) / lexicon.PLAIN
        elif most is not None or phrase.meaning.most:
            value = end if (most or 1) > 0 else 1 - end
        elif negated:
            value = _towards(control, 1 - end, 0.2 if degree else 0.4)
        else:
            value = _towards(control, end, lexicon.PLAIN if degree is None else degree)
        self._put(control, value, self._spoken(phrase, modifiers), phrase)
        self._set = phrase if number is None else None

    def _set_noun(self, phrase: Phrase, modifiers: Sequence[Phrase]) -> None:
        """Set the control, or the speed, that is named, by what was said of it before or after."""
        self._noun = None
        number, level = self._amount(modifiers, "number"), self._amount(modifiers, "level")
        degree, step, most = (self._amount(modifiers, kind) for kind in ("degree", "step", "most"))
        negated = self._amount(modifiers, "not") is not None
        words = self._spoken(phrase, modifiers)
        if phrase.meaning.kind == "speed noun":
            assert self._speed is not None, "else there are no such phrases"
            if number is not None:
                self._put_speed(words, number, phrase.guess)
            elif step:
                self._put_speed(words, self._speed * 2.0 ** (step / 2), phrase.guess)
            elif negated or level is not None:
                self._put_speed(
                    words, 0.0 if negated or level == -1 else 2.0 ** ((level or 0) / lexicon.PLAIN), phrase.guess
                )
            else:
                self._miss(words)
            return
        control = self._control(phrase)
        if number is not None and not 0 <= number <= 1:
            self._miss(words, "a number from 0 to 1, or up to 100%")
            return
        if number is not None:
            value = number
        elif negated:
            value = 0.5 if "left" in control.low else 0.0
        elif step:
            value = self._now[control.name] + lexicon.STEP * step * (degree or lexicon.PLAIN) / lexicon.PLAIN
        elif most is not None:
            value = max(most, 0.0)
        elif level == 0:
            value = 0.5
        elif level is not None:
            value = _towards(control, float(level > 0), degree if degree and abs(level) < 1 else abs(level))
        else:
            self._miss(words, "how much?")
            return
        self._put(control, value, words, phrase)

    def _put(self, control: Control, value: float, words: str, phrase: Phrase) -> None:
        value = round(min(max(value, 0.0), 1.0), 2)
        reading, before = self.reading, self.reading.said_by.get(control.name)
        if before is not None and reading.values[control.name] != value:
            reading.effects = [e for e in reading.effects if e.words != before]
            if before not in words:
                reading.unread.append(Unread(before, f"{words} has the last word"))
        reading.said_by[control.name] = words
        reading.values[control.name] = self._now[control.name] = value
        reading.effects.append(Effect(words, f"{control.name} {value:g}", phrase.guess))

    def _put_speed(self, words: str, factor: float, guess: str) -> None:
        self.reading.speed = self._speed = round(factor, 3)
        self.reading.effects.append(Effect(words, f"speed {self._speed:g}", guess))

    def _miss(self, words: str, why: str = "") -> None:
        if Unread(words, why) not in self.reading.unread:
            self.reading.unread.append(Unread(words, why))

    def _has(self, kind: str) -> bool:
        return any(p.meaning.kind == kind for p in self._waiting)

    def _amount(self, modifiers: Sequence[Phrase], kind: str) -> float | None:
        return next((p.meaning.amount for p in reversed(modifiers) if p.meaning.kind == kind), None)

    def _spoken(self, phrase: Phrase, modifiers: Sequence[Phrase] = ()) -> str:
        """A phrase with all that was said of it, in the order of the text; nothing waits any more."""
        said = {p.start: p for p in (*self._waiting, *modifiers, phrase)}
        self._waiting.clear()
        self._last = phrase, [p for p in said.values() if p is not phrase]
        return " ".join(said[start].text for start in sorted(said))

    def _control(self, phrase: Phrase) -> Control:
        control = self.reading.style.control(phrase.meaning.control)
        assert control is not None, "phrases are made of the style's own controls"
        return control


_SETTABLE = ("end", "colour", "noun", "speed noun", "speed")


def _is_noun(phrase: Phrase | None) -> bool:
    return phrase is not None and phrase.meaning.kind in ("noun", "speed noun")


def _towards(control: Control, end: float, amount: float) -> float:
    return control.default + (end - control.default) * amount


def _owners(words: str, styles: Sequence[Style], chosen: Style) -> str:
    """Which other styles have a word on their card, as a remark."""
    found = [s.name for s in styles if s is not chosen and any(words in (*c.low, *c.high, c.name) for c in s.controls)]
    return f"a word of {_list(found)}" if found else ""


def _words_of(text: str) -> Iterator[Unread]:
    for word in dict.fromkeys(re.findall(r"[^\W_]+", text.lower())):
        if word not in lexicon.FILLERS:
            yield Unread(word)


def _list(names: Sequence[str]) -> str:
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
