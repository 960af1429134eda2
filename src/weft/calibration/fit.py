"""Least squares on the logarithm of time: the factors of a library's constants that measured times ask for.

    minimise  Σ w (log predicted - log measured)² / s² + Σ (log factor)² / sd²

by Gauss and Newton's steps with Levenberg and Marquardt's damping and a numeric Jacobian. The second sum says that a
constant is where the catalog has it give or take its plausible range (`Constant.prior_sd`). Closed forms are a little
off where a library changes its protocol: s follows from the residuals' median, and the weights w = 1/(1 + (r/2s)²) let
single rows that are far off have little say (iteratively reweighted, Cauchy's loss; Holland and Welsch 1977). Rows
next to each other in size are off together: s² grows by (1+ρ)/(1-ρ), their correlation ρ. With J the Jacobian at the
end, the covariance of the factors' logarithms is (JᵀWJ/s² + diag(1/sd²))⁻¹ (the Laplace approximation; Gelman et al.,
Bayesian Data Analysis, chapter 4). A constant whose standard deviation stays above 0.4 of sd is not identified: it goes
back to the catalog's value, the worst first, and the others are fitted again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_STEP = 1e-4
_ROUNDS = 40
_IDENTIFIED = 0.4
_UNTOLD = 0.95
_LEAST_NOISE = 0.01
_MAD = 1.4826  # median absolute deviation to standard deviation, of a normal distribution


@dataclass(frozen=True)
class Fitted:
    """The outcome of a fit.

    Attributes:
        log_factor: float64[constants]; 0 for what is held.
        sd: float64[constants], standard deviation of each; that of the prior for what is held.
        identified: bool[constants].
        matters: bool[constants], the predictions depend on it at all.
        noise: s, the residuals' standard deviation.
    """

    log_factor: Floats
    sd: Floats
    identified: NDArray[np.bool_]
    matters: NDArray[np.bool_]
    noise: float


class _Problem:
    """The residuals, their weights, and what is free to move."""

    def __init__(
        self,
        predict: Callable[[Floats], Floats],
        measured: Floats,
        follows: NDArray[np.bool_],
        sd: Floats,
        bound: Floats,
    ) -> None:
        self.predict, self.target, self.follows, self.sd, self.bound = predict, np.log(measured), follows, sd, bound
        self.free = np.ones(len(sd), bool)
        self.weights = np.ones(len(measured))
        self.noise = 1.0

    def residuals(self, x: Floats) -> Floats:
        return np.asarray(np.log(self.predict(np.minimum(x, self.bound))) - self.target)

    def weigh(self, x: Floats, *, robust: bool = True, together: bool = True) -> None:
        """Work out noise and weights from the residuals at x, all alike unless ``robust``."""
        r = self.residuals(x)
        noise = _MAD * float(np.median(np.abs(r))) if robust else float(np.sqrt(r @ r / len(r)))
        self.noise = noise = max(_LEAST_NOISE, noise)
        self.weights = 1 / (1 + (r / (2 * noise)) ** 2) if robust else np.ones(len(r))
        if together:
            clipped = np.clip(r, -3 * noise, 3 * noise)
            pairs = np.flatnonzero(self.follows)
            rho = min(max(float(clipped[pairs] @ clipped[pairs - 1]) / max(float(clipped @ clipped), 1e-30), 0.0), 0.8)
            self.noise *= float(np.sqrt((1 + rho) / (1 - rho)))

    def jacobian(self, x: Floats) -> Floats:
        """Derivatives of the residuals by one-sided differences; 0 for what is held."""
        columns, here = np.zeros((len(self.target), len(x))), self.residuals(x)
        for at in np.flatnonzero(self.free):
            moved = x.copy()
            moved[at] -= _STEP  # down, where no bound is near
            columns[:, at] = (here - self.residuals(moved)) / _STEP
        return columns

    def cost(self, x: Floats) -> float:
        r = self.residuals(x) / self.noise
        return float(self.weights * r @ r + (x / self.sd) @ (x / self.sd))

    def information(self, jacobian: Floats) -> Floats:
        """The inverse of the covariance."""
        weighted = jacobian.T @ (self.weights[:, None] * jacobian) / self.noise**2
        return np.asarray(weighted + np.diag(1 / self.sd**2))

    def minimise(self, x: Floats) -> Floats:
        """Levenberg-Marquardt from x, weights as they are."""
        damping, now = 1e-2, self.cost(x)
        jacobian, r = self.jacobian(x), self.residuals(x)
        for _ in range(_ROUNDS):
            information = self.information(jacobian)
            gradient = jacobian.T @ (self.weights * r) / self.noise**2 + x / self.sd**2
            damped = information + damping * np.diag(np.diag(information))
            step = np.linalg.solve(damped, -np.where(self.free, gradient, 0.0))
            trial = x + np.where(self.free, np.clip(step, -1.0, 1.0), 0.0)
            then = self.cost(trial)
            if then < now:
                done = now - then < 1e-6 * max(1.0, now)
                x, now, damping = trial, then, max(damping / 5, 1e-9)
                if done:
                    break
                jacobian, r = self.jacobian(x), self.residuals(x)
            else:
                damping *= 5
                if damping > 1e6:
                    break
        return x


def fit(
    predict: Callable[[Floats], Floats],
    measured: Floats,
    follows: NDArray[np.bool_],
    prior_sd: Sequence[float],
    most: Sequence[float],
) -> Fitted:
    """Fit factors.

    Args:
        predict: seconds of every row under log factors, float64[constants] -> float64[rows].
        measured: float64[rows], seconds.
        follows: bool[rows], the row is the next larger size of the same log as the row before it.
        prior_sd: of each log factor.
        most: greatest factor of each.
    """
    problem = _Problem(predict, measured, follows, np.array(prior_sd, float), np.log(np.array(most, float)))
    free, sd, x = problem.free, problem.sd, np.zeros(len(prior_sd))
    matters = np.zeros(len(x), bool)
    # From plain least squares, which finds its way from far off, to what single rows do not sway.
    stages = ((False, False), (False, False), (True, False), (True, False), (True, True))
    while True:
        for robust, together in stages:
            problem.weigh(x, robust=robust, together=together)
            x = problem.minimise(x)
        problem.weigh(x)
        jacobian = problem.jacobian(x)
        matters |= np.abs(jacobian).max(axis=0, initial=0.0) > 1e-9
        spread = np.sqrt(np.diag(np.linalg.inv(problem.information(jacobian))))
        told = np.where(free, spread / sd, 0.0)
        if told.max(initial=0.0) <= _IDENTIFIED:
            log_factor = np.minimum(np.where(free, x, 0.0), problem.bound)
            return Fitted(log_factor, spread, free, matters, problem.noise)
        dropped = (told >= min(told.max(), _UNTOLD)) & free
        free[dropped] = False
        x[dropped] = 0.0
