from __future__ import annotations

import pytest

from intentml.scores.partitions import predict_in_parts
from random_shop import AS_OF_TEXT
from same import arrays_of, assert_same
from scored_shop import log, model


@pytest.mark.parametrize("size", [1, 7, 20, 1000])
def test_parts_of_any_size_make_up_the_same_whole(size):
    snapshot, predictor = log().as_of(AS_OF_TEXT), model().predictor
    kinds = snapshot.catalogue.kinds
    whole = predictor.predict(snapshot, 28, kinds=kinds)
    parts = predict_in_parts(predictor, snapshot, 28, kinds, customers_per_part=size)
    assert_same(arrays_of(whole, "predictions"), arrays_of(parts, "predictions"))


def test_heads_alone_can_be_predicted_in_parts():
    snapshot = log().as_of(AS_OF_TEXT)
    parts = predict_in_parts(model().predictor, snapshot, 28, (), customers_per_part=10)
    assert parts.targets == {}
    assert len(parts.no_order) == len(snapshot)
