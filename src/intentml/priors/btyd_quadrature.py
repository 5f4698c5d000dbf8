"""The two integrals that buy-till-you-die models need, by Gauss quadrature, one customer a row.

In: positive parameters and times in one common unit, as 1-D arrays. Out: nodes and weights, or integrals.
Every operation is elementwise over customers and nodes are summed one after the other, so a customer's number
is the same bit for bit alone and in a crowd. It knows nothing of likelihoods, fits or days.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh_tridiagonal

Floats = NDArray[np.float64]

DEATH_NODES = 28
"""Legendre nodes of the death-time integral."""

DROPOUT_NODES = 64
"""Jacobi nodes of the dropout-probability integral."""

_NEGLIGIBLE_DECAY = 40.0
"""Nats: where an integrand fell by this much (a factor 4e-18) the rest of the interval is left out."""

_LARGEST_EXPONENT = 600.0
_LEAST_NODE = 1e-14
_FEW = 2_000


@dataclass(frozen=True)
class DeathNode:
    """One quadrature node of the death time, for every customer at once; all arrays have shape (U,).

    Attributes:
        mass: Weight times density, relative to the integrand's other factors at the lower end.
        log_purchase_scale: log((alpha + time) / (alpha + lower)).
        log_death_scale: log((beta + time) / (beta + lower)).
        elapsed: time - lower.
    """

    mass: Floats
    log_purchase_scale: Floats
    log_death_scale: Floats
    elapsed: Floats


def death_time_nodes(
    purchase_shape: Floats,
    alpha: float,
    death_shape: float,
    beta: float,
    lower: Floats,
    upper: Floats,
    nodes: int = DEATH_NODES,
) -> Iterator[DeathNode]:
    """Nodes for the integral of death at time tau without a purchase since `lower`.

    The integral is that of `s (alpha+tau)^-k (beta+tau)^-(s+1) dtau` over [lower, upper], divided by
    `(alpha+lower)^-k (beta+lower)^-s`, with k = purchase_shape and s = death_shape: a number in [0, 1].
    The variable is `log(m + tau)` with m = min(alpha, beta): it moves the nearer of the two poles to minus
    infinity and leaves the other at a distance of pi, so few Legendre nodes do for every parameter.

    Args:
        purchase_shape: k, shape (U,), > 0.
        alpha: Scale of the purchase rate's gamma law.
        death_shape: s.
        beta: Scale of the death rate's gamma law.
        lower: Start of the interval, shape (U,).
        upper: End of the interval, shape (U,), >= lower.
        nodes: Number of Legendre nodes.

    Yields:
        The nodes in order; the sum of their `mass` is the integral.
    """
    for abscissa, weight in zip(*_legendre(nodes), strict=True):
        yield _node(purchase_shape, alpha, death_shape, beta, lower, upper, abscissa, weight)


def _node(
    purchase_shape: Floats,
    alpha: float,
    death_shape: float,
    beta: float,
    lower: Floats,
    upper: Floats,
    abscissa: Floats,
    weight: Floats,
) -> DeathNode:
    """The node at an abscissa; at several, where those have an axis of their own in front."""
    nearest_pole = lower + min(alpha, beta)
    purchase_pole = lower + alpha
    death_pole = lower + beta
    span = np.minimum(
        upper - lower,
        np.minimum(
            purchase_pole * np.expm1(np.minimum(_NEGLIGIBLE_DECAY / purchase_shape, _LARGEST_EXPONENT)),
            death_pole * np.expm1(min(_NEGLIGIBLE_DECAY / death_shape, _LARGEST_EXPONENT)),
        ),
    )
    log_span = np.log1p(span / nearest_pole)
    log_factor = np.log(death_shape * nearest_pole / death_pole)
    log_growth = log_span * (0.5 * (1.0 + abscissa))
    elapsed = nearest_pole * np.expm1(log_growth)
    log_purchase_scale = log_growth if alpha <= beta else np.log1p(elapsed / purchase_pole)
    log_death_scale = log_growth if beta <= alpha else np.log1p(elapsed / death_pole)
    log_density = (
        log_factor + log_growth - purchase_shape * log_purchase_scale - (death_shape + 1.0) * log_death_scale
    )
    mass = (0.5 * weight) * log_span * np.exp(log_density)
    return DeathNode(mass, log_purchase_scale, log_death_scale, elapsed)


def death_integral(
    purchase_shape: Floats, alpha: float, death_shape: float, beta: float, lower: Floats, upper: Floats
) -> Floats:
    """P(dies in (lower, upper] without a purchase since `lower` | alive at `lower`), shape (U,).

    Arguments as in `death_time_nodes`.
    """
    law = purchase_shape, alpha, death_shape, beta, lower, upper
    masses: Iterable[Floats]
    if lower.size > _FEW:
        masses = (node.mass for node in death_time_nodes(*law))
    else:
        # Of few customers the steps cost more than what is done in them: all nodes in one.
        abscissae, weights = (of.reshape(-1, *(1,) * lower.ndim) for of in _legendre(DEATH_NODES))
        masses = _node(*law, abscissae, weights).mass
    total = np.zeros_like(lower)
    for mass in masses:
        total += mass
    return total


@lru_cache(maxsize=16)
def _legendre(nodes: int) -> tuple[Floats, Floats]:
    """Gauss-Legendre abscissae and weights on [-1, 1]."""
    abscissae, weights = np.polynomial.legendre.leggauss(nodes)
    return abscissae, weights


@lru_cache(maxsize=4096)
def beta_quadrature(a: float, b: float, nodes: int = DROPOUT_NODES) -> tuple[Floats, Floats]:
    """Gauss-Jacobi nodes and weights of the Beta(a, b) law on [0, 1]; the weights sum to one.

    The nodes are the eigenvalues of the three-term recurrence's symmetric tridiagonal matrix. A weight is
    one over the sum of squares of the orthonormal polynomials at its node, which keeps every digit of the
    smallest weights too; tabulated rules overflow for large b, and eigenvectors lose small weights.

    Args:
        a: First parameter, > 0.
        b: Second parameter, > 0.
        nodes: Number of nodes n.

    Returns:
        (nodes, weights), each of shape (n,) and read-only, nodes ascending in (0, 1].

    Source: Golub and Welsch (1969), "Calculation of Gauss quadrature rules".
    """
    diagonal, off = _beta_recurrence(a, b, nodes)
    points = np.clip(eigh_tridiagonal(diagonal, off, eigvals_only=True), _LEAST_NODE, 1.0)
    previous, current, squares = np.zeros(nodes), np.ones(nodes), np.ones(nodes)
    for degree in range(nodes - 1):
        carried = off[degree - 1] * previous if degree else previous
        previous, current = current, ((points - diagonal[degree]) * current - carried) / off[degree]
        squares += current**2
    weights = 1.0 / squares
    weights /= weights.sum()
    points.setflags(write=False)
    weights.setflags(write=False)
    return points, weights


def _beta_recurrence(a: float, b: float, nodes: int) -> tuple[Floats, Floats]:
    """Diagonal (n,) and off-diagonal (n - 1,) of the recurrence of Beta(a, b)'s orthonormal polynomials."""
    order = np.arange(1, nodes, dtype=np.float64)
    total = a + b - 2.0
    twice = 2.0 * order + total
    diagonal = np.empty(nodes)
    diagonal[0] = a / (a + b)
    diagonal[1:] = 0.5 * (1.0 + (a - b) * total / (twice * (twice + 2.0)))
    squared = np.empty(nodes - 1)
    squared[0] = a * b / ((a + b) ** 2 * (a + b + 1.0))
    later, step = order[1:], twice[1:]
    numerator = later * (later + a - 1.0) * (later + b - 1.0) * (later + total)
    squared[1:] = numerator / (step**2 * (step + 1.0) * (step - 1.0))
    return diagonal, np.sqrt(squared)
