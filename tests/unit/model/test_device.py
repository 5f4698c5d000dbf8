from __future__ import annotations

import pytest
import torch

from intentml.errors import ModelError
from intentml.model.device import device_of


def test_auto_takes_a_gpu_where_there_is_one():
    assert device_of("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert device_of("cpu").type == "cpu"


def test_an_unknown_device_is_refused_with_the_known_ones():
    with pytest.raises(ModelError, match="'tpu' is no device") as caught:
        device_of("tpu")
    assert caught.value.hint == "choose auto, cpu, cuda"


def test_a_gpu_that_is_not_there_is_told(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ModelError, match="no GPU is to be had here") as caught:
        device_of("cuda")
    assert caught.value.hint
