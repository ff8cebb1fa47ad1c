"""Models: scikit-learn manners around a network. `load` reads back whatever `save` wrote."""

from .files import load
from .language_model import LanguageModel

__all__ = ["LanguageModel", "load"]
