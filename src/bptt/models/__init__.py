"""Models: networks with the interface of scikit-learn. `load` reads what `save` wrote."""

from .classifier import SequenceClassifier
from .files import load
from .forecaster import Forecaster
from .language_model import LanguageModel
from .regressor import SequenceRegressor
from .tagger import SequenceTagger
from .token_files import TokenFile
from .tokenizers import register_tokenizer
from .tokenizing import write_token_file

__all__ = [
    "Forecaster",
    "LanguageModel",
    "SequenceClassifier",
    "SequenceRegressor",
    "SequenceTagger",
    "TokenFile",
    "load",
    "register_tokenizer",
    "write_token_file",
]
