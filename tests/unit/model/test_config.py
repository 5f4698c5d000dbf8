from __future__ import annotations

import pytest
from pydantic import ValidationError

from intentml.errors import RecipeError
from intentml.model.config import ModelConfig
from intentml.recipe import load_recipe
from networks import config


def test_heads_divide_the_width_of_a_transformer():
    with pytest.raises(ValidationError, match="d_model 20 is no multiple of heads 8"):
        ModelConfig(d_model=20, heads=8)
    assert ModelConfig(d_model=20, heads=8, encoder="gru").d_model == 20


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("encoder", "lstm"),
        ("d_model", 4),
        ("layers", 0),
        ("heads", 0),
        ("dropout", 1.0),
        ("dropout", -0.1),
        ("item_dim", 0),
        ("rank", 0),
        ("max_orders", 0),
        ("width", 64),
    ],
)
def test_a_setting_out_of_range_or_unknown_is_refused(key, value):
    with pytest.raises(ValidationError, match=key):
        config(**{key: value})


def test_a_config_is_not_changed_later():
    with pytest.raises(ValidationError, match="frozen"):
        ModelConfig().d_model = 8


def test_a_recipe_says_which_key_is_wrong_and_offers_the_nearest():
    with pytest.raises(RecipeError, match=r"model.d_modle is unknown; did you mean d_model\?"):
        load_recipe("base", ["model.d_modle=32"])
    with pytest.raises(RecipeError, match=r"model: .*d_model 30 is no multiple of heads 4"):
        load_recipe("base", ["model.encoder=transformer", "model.d_model=30"])
