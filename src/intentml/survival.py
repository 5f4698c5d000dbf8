"""The survival curve: P(no order within t days), told on some days and read on any.

What comes in: curves of customers at `SURVIVAL_DAYS`. What goes out: their value at any day, or the day of a
value. Between the days told log-survival is linear.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]

# Days at which every predictor tells P(no order); between them log-survival is interpolated.
SURVIVAL_DAYS = (7, 14, 21, 30, 45, 60, 90, 120, 150, 180, 240, 300, 365)
_GRID = np.array([0.0, *SURVIVAL_DAYS])
_LEAST_SURVIVAL = 1e-12


def survival_at(survival: F64, days: npt.ArrayLike) -> F64:
    """P(no order within `days`), from the curve at `SURVIVAL_DAYS`.

    Log-survival is linear between the days told, from 1 at day 0; past 365 days it stays.

    Shape: survival (U, 13), days scalar or (U,) -> (U,).
    """
    log_curve, rows = _log_curve(survival), np.arange(len(survival))
    wanted = np.clip(np.broadcast_to(np.asarray(days, dtype=np.float64), (len(survival),)), 0.0, _GRID[-1])
    right = np.clip(np.searchsorted(_GRID, wanted, side="left"), 1, len(_GRID) - 1)
    share = (wanted - _GRID[right - 1]) / (_GRID[right] - _GRID[right - 1])
    between: F64 = np.exp((1 - share) * log_curve[rows, right - 1] + share * log_curve[rows, right])
    return between


def days_until(survival: F64, level: F64) -> F64:
    """The first day at which P(no order) is no more than `level`; 365 where it stays above.

    The inverse of `survival_at`. Shape: survival (U, 13), level (U,) below 1 -> (U,).
    """
    log_curve, rows = _log_curve(survival), np.arange(len(survival))
    wanted = np.log(np.maximum(level, _LEAST_SURVIVAL))
    right = np.clip((log_curve > wanted[:, np.newaxis]).sum(axis=1), 1, len(_GRID) - 1)
    left, drop = log_curve[rows, right - 1], log_curve[rows, right - 1] - log_curve[rows, right]
    share = np.minimum((left - wanted) / np.where(drop > 0, drop, np.inf), 1.0)
    days: F64 = _GRID[right - 1] + share * (_GRID[right] - _GRID[right - 1])
    return np.where(log_curve[:, -1] > wanted, _GRID[-1], days)


def _log_curve(survival: F64) -> F64:
    """Logarithms of the curve from day 0 on, where it is 1. Shape: (U, 13) -> (U, 14)."""
    curve = np.concatenate([np.ones((len(survival), 1)), survival], axis=1)
    log_curve: F64 = np.log(np.maximum(curve, _LEAST_SURVIVAL))
    return log_curve
