"""Models: scikit-learn manners around a network. `load` reads back whatever `save` wrote."""

from .classifier import SequenceClassifier, SequenceRegressor
from .files import load
from .forecaster import Forecaster
from .language_model import LanguageModel
from .tagger import SequenceTagger

__all__ = [
    "Forecaster",
    "LanguageModel",
    "SequenceClassifier",
    "SequenceRegressor",
    "SequenceTagger",
    "load",
]
