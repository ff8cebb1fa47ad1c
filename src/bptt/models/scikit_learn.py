"""What scikit-learn expects of an estimator: tags, and its own error for an unfitted one."""

import sys
from typing import Any, Literal

from ..errors import ConfigError


def check_fitted(model: Any) -> None:
    """Refuse a model without parameters.

    Raises
    ------
    ConfigError
        Also a `sklearn.exceptions.NotFittedError`, if scikit-learn is loaded.
    """
    if not hasattr(model, "parameters_"):
        kinds: tuple[type, ...] = (ConfigError,)
        if "sklearn.exceptions" in sys.modules:
            kinds += (sys.modules["sklearn.exceptions"].NotFittedError,)
        error = type("NotFittedError", kinds, {})
        raise error("the model is not fitted yet; expected fit or load first.")


def tags(
    kind: Literal["classifier", "regressor"] | None = None,
    *,
    target: bool = False,
    **of_target: bool,
) -> Any:
    """Return the tags of an estimator. Only scikit-learn calls for them, so it is installed."""
    from sklearn.utils import ClassifierTags, RegressorTags, Tags, TargetTags

    return Tags(
        estimator_type=kind,
        target_tags=TargetTags(required=target, **of_target),
        classifier_tags=ClassifierTags() if kind == "classifier" else None,
        regressor_tags=RegressorTags() if kind == "regressor" else None,
    )
