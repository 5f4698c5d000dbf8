"""Buckets by hashed id, and the holdout cut from them."""

from __future__ import annotations

from hashlib import sha256

import duckdb
import numpy as np
import pytest

from intentml.audiences.bucket import Holdout, buckets
from intentml.errors import LedgerError

IDS = [f"C-{number}" for number in range(20_000)]


def test_a_bucket_is_the_first_eight_digits_of_the_hash_of_salt_and_id() -> None:
    names = ["C-1", "C-2", "señora", ""]
    by_hand = [int(sha256(f"spring{name}".encode()).hexdigest()[:8], 16) / 2**32 for name in names]
    assert buckets(names, "spring").tolist() == by_hand
    # SHA-256 of "abc" begins with ba7816bf (FIPS 180-2, appendix B.1).
    assert buckets(["bc"], "a").tolist() == [0xBA7816BF / 2**32]


def test_duckdb_says_the_same_with_its_sha256() -> None:
    drawn = duckdb.sql(
        "select ('0x' || left(sha256('spring' || unnest($ids)), 8))::bigint / 4294967296 as bucket",
        params={"ids": IDS[:100]},
    ).fetchall()
    assert [bucket for (bucket,) in drawn] == buckets(IDS[:100], "spring").tolist()


def test_buckets_are_spread_evenly_and_another_salt_shuffles_anew() -> None:
    spring, summer = buckets(IDS, "spring"), buckets(IDS, "summer")
    assert spring.min() >= 0.0
    assert spring.max() < 1.0
    counts = np.histogram(spring, bins=10, range=(0, 1))[0]
    assert np.abs(counts - 2000).max() < 5 * np.sqrt(2000)
    assert abs(np.corrcoef(spring, summer)[0, 1]) < 0.03


def test_a_larger_holdout_holds_the_smaller_one() -> None:
    small, large = Holdout(0.1, "spring").of(IDS), Holdout(0.2, "spring").of(IDS)
    assert 0.09 < small.mean() < 0.11
    assert not (small & ~large).any()
    assert not Holdout(0.0, "spring").of(IDS).any()
    assert Holdout(1.0, "spring").of(IDS).all()


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_holdout_beyond_all_members_is_refused(share: float) -> None:
    with pytest.raises(LedgerError, match="no share"):
        Holdout(share, "spring")
