"""The words of a text, so folded that a person's spelling and the catalogue's meet.

What comes in: text as people write it, in any case, with or without accents. What goes out: words
to index and words to look for. Stemming and ranking are the search engine's.
"""

from __future__ import annotations

import re
import unicodedata

# Letters that no decomposition takes apart, as they are typed on another keyboard.
_PLAIN_LETTERS = str.maketrans({"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th"})
# German spells its umlauts out where a keyboard has none.
_SPELLED_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})
# Accents of Latin, Greek and Cyrillic letters; the marks of other scripts are vowels and stay.
_ACCENTS = re.compile("[\u0300-\u036f]")
_POSSESSIVE = re.compile(r"['\u2019](?=s\b)")
_WORD = re.compile(r"[^\W_]+")


def words_of(text: str) -> list[str]:
    """The runs of letters and digits, in order.

    >>> words_of("t-light holder (50s)")
    ['t', 'light', 'holder', '50s']
    """
    return _WORD.findall(text)


def folded(text: str) -> str:
    """Without case and possessive apostrophes, characters composed; umlauts and accents stay.

    >>> folded("CHILDREN'S Straße")
    'childrens strasse'
    """
    return _POSSESSIVE.sub("", unicodedata.normalize("NFKC", text).casefold())


def plain(word: str) -> str:
    """A folded word without accents and umlaut dots.

    >>> plain("smørrebrød"), plain("camión")
    ('smorrebrod', 'camion')
    """
    without_accents = _ACCENTS.sub("", unicodedata.normalize("NFD", word))
    return unicodedata.normalize("NFC", without_accents.translate(_PLAIN_LETTERS))


def spellings(word: str) -> list[str]:
    """A folded word without its umlauts, and with them spelled out.

    >>> spellings("kühl")
    ['kuhl', 'kuehl']
    """
    return list(dict.fromkeys((plain(word), plain(word.translate(_SPELLED_OUT)))))


def indexed(text: str | None) -> str:
    """Text as an index holds it: a word with umlauts in both spellings, so that either is found.

    >>> indexed("Kühl & Gut")
    'kuhl kuehl gut'
    """
    if not text:
        return ""
    folded_text = folded(text)
    if folded_text.isascii():
        return folded_text
    return " ".join(spelling for word in words_of(folded_text) for spelling in spellings(word))
