"""What a token means: its terms in a vocabulary and its role in the names of a gazetteer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from . import kernel
from .gazetteer import GROUP_BY_KIND, GROUPS, Form, Gazetteer, Rule
from .hashtable import GrowingArray, GrowingStrings, HashTable, to_points
from .kernel import Array, Int, NameTable, TokenNames, TokenTerms
from .mentions import DATELINE_TOKENS, SHARES, place_feature_names

KINDS = {
    "media": kernel.MEDIA, "area": kernel.AREA, "demonym": kernel.DEMONYM, "city": kernel.CITY,
    "country": kernel.COUNTRY,
}  # fmt: skip
RULE_BITS = (kernel.AFTER, kernel.BEFORE, kernel.NOT_AFTER, kernel.NOT_BEFORE)
CONJUNCTION = "و"
CHUNK = 1 << 14  # tokens whose character n-grams are hashed at a time

Stem = Callable[[list[str]], list[str]]


class Vocabulary:
    """Words, word n-grams and character n-grams, which are learned until the vocabulary is frozen."""

    def __init__(self, *, ngram_max: int, mask: Int) -> None:
        self._mask = mask
        self.words, self.chars = HashTable(), HashTable()
        # of one occurrence of each n-gram, while they are learned: its tokens, then -1
        self.word_examples = np.full((1024, max(1, ngram_max)), -1, np.int32)
        self.char_examples = GrowingArray(np.int32, 3)  # token, start and length
        self.frozen = False

    def restore(self, words: HashTable, chars: HashTable) -> None:
        """Use the tables of another, frozen vocabulary."""
        self.words, self.chars, self.frozen = words, chars, True

    def set_terms(self, words: Sequence[str], chars: Sequence[str]) -> None:
        """Freeze the vocabulary with these terms; the column of a term is its position."""
        self.words.intern(*kernel.hash_strings(*to_points(words), True, self._mask))
        self.chars.intern(*kernel.hash_strings(*to_points(chars), False, self._mask))
        self.frozen = True

    def freeze(self, word_columns: Array, char_columns: Array) -> None:
        """Give each term its column, -1 to drop it."""
        self.words, self.chars = self.words.renumbered(word_columns), self.chars.renumbered(char_columns)
        self.word_examples, self.char_examples = self.word_examples[:0], GrowingArray(np.int32, 3)
        self.frozen = True

    def reserve_words(self, extra: int) -> None:
        """Make room for `extra` more word n-grams and their examples."""
        if self.words.n + extra > len(self.word_examples):
            shape = (2 * (self.words.n + extra), self.word_examples.shape[1])
            larger = np.full(shape, -1, np.int32)
            larger[: len(self.word_examples)] = self.word_examples
            self.word_examples = larger
        self.words.reserve(len(self.word_examples) - self.words.n)

    def identify_words(self, hashes: Array, checks: Array, first_token: int) -> Array:
        """Return the identifiers of the words of tokens, which are numbered from `first_token` on."""
        if self.frozen:
            return self.words.find(hashes, checks)
        n_known = self.words.n
        identifiers, firsts = self.words.intern(hashes, checks)
        self.reserve_words(0)
        self.word_examples[n_known : self.words.n, 0] = first_token + firsts
        return identifiers

    def identify_chars(self, hashes: Array, checks: Array, positions: Array, first_token: int) -> Array:
        """Return the identifiers of character n-grams; `positions` are token, start and length of each."""
        if self.frozen:
            return self.chars.find(hashes, checks)
        identifiers, firsts = self.chars.intern(hashes, checks)
        self.char_examples.extend(positions[firsts] + np.array([first_token, 0, 0], np.int32))
        return identifiers


@dataclass(frozen=True, slots=True)
class GazetteerIndex:
    """A gazetteer in the layout of the kernel, with what tells a token's role in its names."""

    table: NameTable
    spellings: HashTable  # also the beginnings of longer ones
    rule_words: HashTable
    n_features: int  # of an article


def build_gazetteer_index(gazetteer: Gazetteer, *, lead_tokens: int, mask: Int) -> GazetteerIndex:
    """Build the index; the first `lead_tokens` of a text are its lead."""

    forms = {form: i for i, form in enumerate(dict.fromkeys(_distinct(gazetteer.forms.values())))}
    number_by_identity = {id(form): forms[form] for form in _distinct(gazetteer.forms.values())}
    rules = {rule: i for i, rule in enumerate(dict.fromkeys(form.rule for form in forms if form.rule))}
    rule_words = sorted({word for rule in rules for words in rule.word_sets for word in words})
    number = {word: i for i, word in enumerate(rule_words)}
    neighbours = np.zeros((len(rule_words), len(rules)), np.uint8)
    for rule, i in rules.items():
        for listed, bit in zip(rule.word_sets, RULE_BITS, strict=True):
            neighbours[[number[word] for word in listed], i] |= bit
    prefixes = set(_find_prefixes(gazetteer.forms))
    only_prefixes = sorted(prefixes - gazetteer.forms.keys())
    spelled = [*gazetteer.forms, *only_prefixes]
    form_numbers = [number_by_identity[id(form)] for form in gazetteer.forms.values()]
    spellings, words = HashTable(), HashTable()
    for table, strings in ((spellings, spelled), (words, rule_words)):
        table.intern(*kernel.hash_strings(*to_points(strings), True, mask))
    places = gazetteer.places
    keys = {key: i for i, key in enumerate(dict.fromkeys(place.support_key for place in places))}
    names = NameTable(
        slots=spellings.slots,
        form=np.array(form_numbers + [-1] * len(only_prefixes), np.int32),
        is_prefix=np.array([s in prefixes for s in spelled], np.bool_),
        bounds=np.cumsum([0, *(len(form.places) for form in forms)]),
        places=np.array([i for form in forms for i in form.places], np.int32),
        rule=np.array([rules[form.rule] if form.rule else -1 for form in forms], np.int32),
        requirement=np.array([_requirement(rule) for rule in rules], np.uint8),
        neighbours=neighbours,
        region=np.array([gazetteer.regions.index(p.region) if p.region else -1 for p in places], np.int32),
        kind=np.array([KINDS.get(p.kind, 0) for p in places], np.uint8),
        group=np.array([GROUPS.index(GROUP_BY_KIND.get(p.kind, GROUPS[0])) for p in places], np.int32),
        support_key=np.array([keys[p.support_key] for p in places], np.int32),
        n_support_keys=len(keys),
        n_regions=len(gazetteer.regions),
        n_groups=len(GROUPS),
        shares=np.array(SHARES),
        dateline_tokens=DATELINE_TOKENS,
        lead_tokens=lead_tokens,
    )
    return GazetteerIndex(names, spellings, words, len(place_feature_names(gazetteer.regions)))


def _distinct(forms: Iterable[Form]) -> list[Form]:
    """Return each object once: a form is hashed once, not once for each spelling that shares it."""
    return [*{id(form): form for form in forms}.values()]


def _find_prefixes(spellings: Iterable[str]) -> Iterator[str]:
    """Yield the first tokens of each spelling, one to all but the last."""
    for spelling in spellings:
        stop = spelling.find(" ")
        while stop >= 0:
            yield spelling[:stop]
            stop = spelling.find(" ", stop + 1)


def _requirement(rule: Rule) -> int:
    return rule.named * kernel.NAMED | bool(rule.after or rule.before) * kernel.NEIGHBOUR


class TokenCache:
    """Remember what is computed once for each different token: spelling, hash, terms and role in names."""

    def __init__(
        self, vocabulary: Vocabulary, gazetteer: GazetteerIndex | None, *, stem: Stem | None, ngram_max: int,
        char_ngrams: Sequence[int] | None, mask: Int, marked: frozenset[str] = frozenset(),
    ) -> None:  # fmt: skip
        self._marked = marked
        self._vocabulary, self._gazetteer = vocabulary, gazetteer
        self._stem, self._ngram_max, self._char_ngrams, self._mask = stem, ngram_max, char_ngrams, mask
        self.clear()

    def clear(self) -> None:
        """Forget all tokens."""
        self.table = HashTable()
        self._n_described = 0
        self.marked = GrowingArray(np.bool_)
        self.spellings = GrowingStrings()
        self.word_spellings = GrowingStrings() if self._stem else self.spellings
        self.word_hash, self.word_check = GrowingArray(np.uint64), GrowingArray(np.uint64)
        self._word_ids, self._char_ids = GrowingArray(np.int32), GrowingArray(np.int32)
        self._char_ends = GrowingArray(np.int64)
        self._char_ends.extend(np.zeros(1, np.int64))
        self._names = [GrowingArray(d) for d in (np.uint64, np.uint64, np.int32, np.int32, np.bool_)]

    @property
    def terms(self) -> TokenTerms:
        """The terms of each token."""
        return TokenTerms(self._word_ids.values, self._char_ids.values, self._char_ends.values)

    @property
    def names(self) -> TokenNames:
        """The role of each token in names; without a gazetteer there are none."""
        return TokenNames(*(array.values for array in self._names))

    def add(
        self, tokens: Array, n_known: int, hashes: Array, checks: Array, points: Array, bounds: Array
    ) -> Array:
        """Renumber a thread's new tokens, which it numbered from `n_known` on, and remember new ones."""
        if len(hashes):
            numbers, firsts = self.table.intern(hashes, checks)
            is_new = np.zeros(len(hashes), np.bool_)
            is_new[firsts] = True
            lengths = np.diff(bounds)
            new_bounds = np.concatenate([[0], np.cumsum(lengths[is_new])])
            self.spellings.extend(points[np.repeat(is_new, lengths)], new_bounds)
            self.word_hash.extend(hashes[is_new])
            self.word_check.extend(checks[is_new])
            unnumbered = tokens >= n_known
            tokens[unnumbered] = numbers[tokens[unnumbered] - n_known]
        return tokens

    def describe(self) -> None:
        """Compute terms and names of the tokens added since the last call."""
        first, n = self._n_described, self.table.n
        if n == first:
            return
        self._n_described = n
        self.marked.extend(np.array([s in self._marked for s in self.spellings.strings(first)], np.bool_))
        if self._gazetteer:  # before words, which replace hashes by those of stems
            self._describe_names(self._gazetteer, first)
        if self._ngram_max:
            self._describe_words(first)
        if self._char_ngrams:
            for lo in range(first, n, CHUNK):
                self._describe_chars(lo, min(lo + CHUNK, n), *self._char_ngrams)

    def renumber(self, word_columns: Array, char_columns: Array) -> None:
        """Replace the identifiers of terms by columns; the last element of each array is -1, for no term."""
        self._word_ids.values[:] = word_columns[self._word_ids.values]
        self._char_ids.values[:] = char_columns[self._char_ids.values]

    def _describe_names(self, gazetteer: GazetteerIndex, first: int) -> None:
        hashes, checks = self.word_hash.values[first:], self.word_check.values[first:]
        starts = self.spellings.bounds.values[first:-1]
        spelling, rule_word = (t.find(hashes, checks) for t in (gazetteer.spellings, gazetteer.rule_words))
        has_conjunction = self.spellings.points.values[starts] == ord(CONJUNCTION)
        described = TokenNames(hashes, checks, spelling, rule_word, has_conjunction)
        for array, values in zip(self._names, described, strict=True):
            array.extend(values)

    def _describe_words(self, first: int) -> None:
        if self._stem:
            points, bounds = to_points(self._stem(self.spellings.strings(first)))
            self.word_spellings.extend(points, bounds)
            hashes, checks = kernel.hash_strings(points, bounds, True, self._mask)
            self.word_hash.values[first:], self.word_check.values[first:] = hashes, checks
        hashes, checks = self.word_hash.values[first:], self.word_check.values[first:]
        self._word_ids.extend(self._vocabulary.identify_words(hashes, checks, first))

    def _describe_chars(self, lo: int, hi: int, shortest: int, longest: int) -> None:
        bounds = self.spellings.bounds.values[lo : hi + 1]
        hashes, checks, positions, ends = kernel.char_ngrams(
            self.spellings.points.values, bounds, shortest, longest, self._mask
        )
        self._char_ends.extend(self._char_ids.n + ends[1:])
        self._char_ids.extend(self._vocabulary.identify_chars(hashes, checks, positions, lo))
