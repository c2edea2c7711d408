"""How well something visible tells a secret, and how well it would by chance: a classifier with its null distribution.

Scores are compared only within a held-out fold, so only between what one and the same model has scored. Pooled over
folds they would lie: a fold that happens to hold more of the seen ones leaves fewer to learn from, its model expects
less, and its whole fold is ranked lower. Without any signal that gives areas of 0.2 (30 addresses) to 0.4 (200) instead
of 0.5, which looks as if the inverse were known. Within a fold the expectation without signal is exactly 0.5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_FOLDS = 10
_ROUNDS = 20
_SHUFFLES = 200
_RIDGE = 0.01


@dataclass(frozen=True)
class Guess:
    """What a classifier made of it.

    Attributes:
        area: under the ROC curve, over held-out folds; 0.5 = a coin.
        low: of areas with shuffled truth, 2.5 % are below.
        high: and 2.5 % above.
        by_chance: how often shuffled truth is told at least as well, whichever way round.
    """

    area: float
    low: float
    high: float
    by_chance: float

    @property
    def either_way(self) -> float:
        """The area for somebody who may also take the classifier's opposite."""
        return max(self.area, 1 - self.area)


def guess(columns: NDArray[np.float64], truth: NDArray[np.bool_], seed: int = 0) -> Guess:
    """Learn from some rows, tell others; then the same with shuffled truth, for what chance alone gives."""
    random = np.random.default_rng(seed)
    found = area(columns, truth, random)
    chance = np.array([area(columns, random.permutation(truth), random) for _ in range(_SHUFFLES)])
    further = (abs(chance - 0.5) >= abs(found - 0.5) - 1e-12).sum()
    low, high = np.quantile(chance, (0.025, 0.975))
    return Guess(found, float(low), float(high), (1 + float(further)) / (1 + _SHUFFLES))


def area(
    columns: NDArray[np.float64], truth: NDArray[np.bool_], random: np.random.Generator, rounds: int = _ROUNDS
) -> float:
    """The area under the ROC curve over pairs within held-out folds, over some ways to fold.

    Logistic regression with a ridge on standardised columns; those that do not vary tell nothing, those that say the
    same as another count once.
    """
    varied = columns[:, columns.std(axis=0) > 0]
    if not varied.shape[1]:
        return 0.5
    varied = np.unique(np.round((varied - varied.mean(axis=0)) / varied.std(axis=0), 9), axis=1)
    won = pairs = 0.0
    for _round in range(rounds):
        for fold in np.array_split(random.permutation(len(truth)), _FOLDS):
            scores = _scores(varied, truth, fold)
            positive, negative = scores[truth[fold]], scores[~truth[fold]]
            difference = positive[:, None] - negative[None, :]
            won += (difference > 0).sum() + (difference == 0).sum() / 2
            pairs += difference.size
    return float(won / pairs) if pairs else 0.5


def _scores(columns: NDArray[np.float64], truth: NDArray[np.bool_], fold: NDArray[np.int_]) -> NDArray[np.float64]:
    """What a model that learned from all other rows gives those of a fold; equal rows get equal scores."""
    learn = np.setdiff1d(np.arange(len(truth)), fold)
    centre, spread = columns[learn].mean(axis=0), columns[learn].std(axis=0) + 1e-9
    weights = _fit((columns[learn] - centre) / spread, truth[learn].astype(np.float64))
    table = np.clip((columns[fold] - centre) / spread, -1e3, 1e3)
    scores: NDArray[np.float64] = np.round((table * weights).sum(axis=1), 9)
    return scores


def _fit(table: NDArray[np.float64], truth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights of a logistic regression by Newton's method; the constant, which ranks nothing, is left out."""
    full = np.column_stack([table, np.ones(len(table))])
    weights = np.zeros(full.shape[1])
    ridge = _RIDGE * len(truth) * np.eye(len(weights))
    for _step in range(6):
        expected = 1 / (1 + np.exp(-np.clip(full @ weights, -30, 30)))
        slope = full.T @ (truth - expected) - ridge @ weights
        curve = (full * (expected * (1 - expected))[:, None]).T @ full + ridge
        weights += np.linalg.solve(curve, slope)
    return weights[:-1]
