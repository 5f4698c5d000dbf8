"""Log-likelihoods of BG/NBD, MBG/NBD and Pareto/NBD with their gradients, and P(alive) from the same terms.

In: a model's four parameters and x, t_x, age (T) as float arrays of shape (U,), all times in one unit. Out:
arrays of shape (U,) in log space, finite for hundreds of purchases and thousands of days. It neither fits nor
predicts.

Sources: Fader, Hardie and Lee (2005), "Counting your customers the easy way" (BG/NBD); Batislam, Denizel and
Filiztekin (2007), "Empirical validation and comparison of models for customer base analysis" (MBG/NBD);
Schmittlein, Morrison and Colombo (1987), "Counting your customers" (Pareto/NBD).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, digamma, expit, gammaln

from intentml.priors.btyd_quadrature import death_integral, death_time_nodes

Floats = NDArray[np.float64]
BtydName = Literal["bg_nbd", "mbg_nbd", "pareto_nbd"]
Parameters = tuple[float, float, float, float]


def log_odds_dead(name: BtydName, parameters: Parameters, x: Floats, t_x: Floats, age: Floats) -> Floats:
    """log(P(dead) / P(alive)) at the end of the observation, shape (U,); -inf where death is impossible.

    Under BG/NBD a customer can only leave right after a repeat purchase, so one-time buyers are alive for
    sure; under MBG/NBD also right after the first one; under Pareto/NBD at any moment.
    """
    first, alpha, third, fourth = parameters
    shape = first + x
    if name == "pareto_nbd":
        silent = -shape * np.log1p((age - t_x) / (alpha + t_x)) - third * np.log1p(
            (age - t_x) / (fourth + t_x)
        )
        dead = death_integral(shape, alpha, third, fourth, t_x, age)
        return np.where(dead > 0.0, np.log(np.maximum(dead, np.finfo(np.float64).tiny)) - silent, -np.inf)
    survivals = survived_purchases(name, x)
    odds = np.log(third) - np.log(fourth + np.maximum(survivals - 1.0, 0.0))
    odds = odds + shape * np.log1p((age - t_x) / (alpha + t_x))
    return np.where(survivals > 0.0, odds, -np.inf)


def alive(name: BtydName, parameters: Parameters, x: Floats, t_x: Floats, age: Floats) -> Floats:
    """P(the customer has not left at the end of the observation), shape (U,)."""
    return np.asarray(expit(-log_odds_dead(name, parameters, x, t_x, age)), dtype=np.float64)


def log_likelihood(name: BtydName, parameters: Parameters, x: Floats, t_x: Floats, age: Floats) -> Floats:
    """Log-likelihood of each customer, shape (U,)."""
    return log_likelihood_and_gradient(name, parameters, x, t_x, age)[0]


def log_likelihood_and_gradient(
    name: BtydName,
    parameters: Parameters,
    x: Floats,
    t_x: Floats,
    age: Floats,
) -> tuple[Floats, Floats]:
    """Log-likelihood of each customer and its derivative by each parameter.

    Args:
        name: Which model.
        parameters: (r, alpha, a, b), or (r, alpha, s, beta) for Pareto/NBD.
        x: Repeat purchases, shape (U,).
        t_x: Time of the last purchase since the first, shape (U,).
        age: Time observed since the first purchase, shape (U,).

    Returns:
        (values of shape (U,), derivatives of shape (4, U)).
    """
    if name == "pareto_nbd":
        return _pareto(parameters, x, t_x, age)
    return _geometric(name, parameters, x, t_x, age)


def survived_purchases(name: BtydName, x: Floats) -> Floats:
    """Purchases after which somebody still alive chose to stay: the first one counts for MBG alone."""
    return x + 1.0 if name == "mbg_nbd" else x


def _geometric(
    name: BtydName,
    parameters: Parameters,
    x: Floats,
    t_x: Floats,
    age: Floats,
) -> tuple[Floats, Floats]:
    r, alpha, a, b = parameters
    survivals = survived_purchases(name, x)
    odds = log_odds_dead(name, parameters, x, t_x, age)
    is_alive, is_dead = expit(-odds), expit(odds)
    shape = r + x
    values = (
        gammaln(shape)
        - gammaln(r)
        + betaln(a, b + survivals)
        - betaln(a, b)
        - r * np.log1p(age / alpha)
        - x * np.log(alpha + age)
        + np.logaddexp(0.0, odds)
    )
    leaving = np.where(survivals > 0.0, is_dead / (b + np.maximum(survivals - 1.0, 0.0)), 0.0)
    by_a = digamma(a + b) - digamma(a + b + survivals)
    gradient = np.stack(
        [
            digamma(shape) - digamma(r) - is_alive * np.log1p(age / alpha) - is_dead * np.log1p(t_x / alpha),
            r / alpha - shape * (is_alive / (alpha + age) + is_dead / (alpha + t_x)),
            by_a + is_dead / a,
            by_a + digamma(b + survivals) - digamma(b) - leaving,
        ]
    )
    return values, gradient


def _pareto(
    parameters: Parameters,
    x: Floats,
    t_x: Floats,
    age: Floats,
) -> tuple[Floats, Floats]:
    """Alive to the end with weight exp(silent), or dead at some time after t_x: the quadrature's nodes.

    A sum over death times gives value and derivatives in one pass, without a hypergeometric function.
    """
    r, alpha, s, beta = parameters
    shape = r + x
    log_purchase_end = np.log1p((age - t_x) / (alpha + t_x))
    log_death_end = np.log1p((age - t_x) / (beta + t_x))
    silent = np.exp(-shape * log_purchase_end - s * log_death_end)
    dead = np.zeros_like(x)
    mean_log_purchase = silent * log_purchase_end
    mean_log_death = silent * log_death_end
    inverse_purchase = silent / (alpha + age)
    inverse_death = s * silent / (beta + age)
    for node in death_time_nodes(shape, alpha, s, beta, t_x, age):
        dead += node.mass
        mean_log_purchase += node.mass * node.log_purchase_scale
        mean_log_death += node.mass * node.log_death_scale
        inverse_purchase += node.mass / (alpha + t_x + node.elapsed)
        inverse_death += (s + 1.0) * node.mass / (beta + t_x + node.elapsed)
    total = silent + dead
    log_purchase_start = np.log1p(t_x / alpha)
    log_death_start = np.log1p(t_x / beta)
    values = (
        gammaln(shape)
        - gammaln(r)
        - r * log_purchase_start
        - x * np.log(alpha + t_x)
        - s * log_death_start
        + np.log(total)
    )
    gradient = np.stack(
        [
            digamma(shape) - digamma(r) - log_purchase_start - mean_log_purchase / total,
            r / alpha - shape * inverse_purchase / total,
            -log_death_start - mean_log_death / total + dead / (s * total),
            s / beta - inverse_death / total,
        ]
    )
    return values, gradient
