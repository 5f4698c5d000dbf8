"""Several processes take the steps of one, however their shares of a batch turn out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from intentml.errors import ModelError
from intentml.fitting.parallel import Processes
from meeting import in_turn, meet, shares

THIRD = {"WORLD_SIZE": "4", "RANK": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "29500"}


def test_without_torchrun_there_is_one_process_that_writes():
    alone = Processes.of({})
    assert (alone.rank, alone.count, alone.is_first) == (0, 1, True)
    assert Processes.of({**THIRD, "WORLD_SIZE": "1", "RANK": "0"}) == alone
    with alone.joined(torch.device("cpu")) as device:
        assert device == torch.device("cpu")


def test_torchrun_tells_each_process_its_place():
    third = Processes.of(THIRD)
    assert (third.rank, third.count, third.is_first) == (2, 4, False)


def test_several_processes_that_cannot_meet_are_told_so():
    with pytest.raises(ModelError, match="WORLD_SIZE is 2, and MASTER_ADDR, MASTER_PORT not set"):
        Processes.of({"WORLD_SIZE": "2", "RANK": "0"})


def test_all_shares_together_are_the_batch():
    whole = np.arange(7)
    parts = [whole[Processes(rank, 3).share] for rank in range(3)]
    assert sorted(np.concatenate(parts)) == whole.tolist()
    assert [len(whole[:1][Processes(rank, 3).share]) for rank in range(3)] == [1, 0, 0]


def test_more_processes_than_gpus_of_a_machine_are_told_so():
    together = Processes.of({**THIRD, "LOCAL_RANK": str(torch.cuda.device_count())})
    with pytest.raises(ModelError, match="more processes than GPUs"), together.joined(torch.device("cuda")):
        pass


def test_three_processes_learn_what_one_does():
    """Six customers, four, and one alone: then two processes have nobody."""
    alone = shares(Processes())
    for told in meet(3, in_turn):
        assert told["first"] == (0, [0.0, 0.0])
        for customers, (gradients, whole, loss) in told["shares"].items():
            expected, _, expected_loss = alone[customers]
            assert whole == customers
            assert loss == pytest.approx(expected_loss, rel=1e-6)
            for name, gradient in expected.items():
                if gradient is None:
                    assert gradients[name] is None
                else:
                    np.testing.assert_allclose(gradients[name], gradient, rtol=1e-5)
