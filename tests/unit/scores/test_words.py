"""Folding: what a person types and what the catalogue says meet in one form."""

from hypothesis import given
from hypothesis import strategies as st

from intentml.scores.words import folded, indexed, plain, spellings, words_of


def test_a_possessive_joins_its_word_and_an_elision_divides_two():
    assert words_of(folded("Children's CHILDREN\u2019S")) == ["childrens", "childrens"]
    assert words_of(folded("l'eau d'été")) == ["l", "eau", "d", "été"]


def test_composed_and_decomposed_letters_are_one():
    assert folded("ku\u0308hl") == folded("KÜHL") == "kühl"


def test_vowel_marks_of_other_scripts_are_kept():
    assert plain("हिन्दी") == "हिन्दी"


@given(st.text())
def test_indexed_text_holds_no_capitals_and_folding_it_again_changes_no_word(text):
    once = indexed(text)
    assert once == once.casefold()
    assert set(words_of(indexed(once))) == set(words_of(once))


@given(st.text(st.characters(categories=["L", "N"]), min_size=1))
def test_every_spelling_of_a_word_is_in_its_indexed_text(word):
    held = set(words_of(indexed(word)))
    for typed in words_of(folded(word)):
        assert set(spellings(typed)) <= held | {typed}
        assert {part for spelling in spellings(typed) for part in words_of(spelling)} <= held
