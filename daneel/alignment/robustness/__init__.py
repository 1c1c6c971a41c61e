"""Robustness: attacks on observations and instructions, certificates beside them, defences."""

from daneel.alignment.robustness.defence import Smoothed, Training, adversarial_training
from daneel.alignment.robustness.gradient import PGD, fgsm, pgd
from daneel.alignment.robustness.query import boundary, random_search
from daneel.alignment.robustness.suite import (
    ATTACKS,
    AdversarialRobustnessSuite,
    RobustnessReport,
    certified,
)
from daneel.alignment.robustness.text import TextAttack, TextBudget, attack_text
from daneel.alignment.robustness.threat import Ball, Deviate, Goal, Misclassify, margins

__all__ = [
    "ATTACKS",
    "PGD",
    "AdversarialRobustnessSuite",
    "Ball",
    "Deviate",
    "Goal",
    "Misclassify",
    "RobustnessReport",
    "Smoothed",
    "TextAttack",
    "TextBudget",
    "Training",
    "adversarial_training",
    "attack_text",
    "boundary",
    "certified",
    "fgsm",
    "margins",
    "pgd",
    "random_search",
]
