"""What scikit-learn expects of an estimator: tags, and its own error for an unfitted one."""

import sys
from functools import cache
from typing import Any, Literal

from ..errors import ConfigError


class NotFittedError(ConfigError):
    """A model without parameters: neither fitted nor loaded.

    Where scikit-learn is loaded, `check_fitted` raises a subclass that is also a
    `sklearn.exceptions.NotFittedError`.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        return (
            _not_fitted,
            self.args,
            vars(self),
        )  # the class depends on what the process has loaded


@cache
def _both(theirs: type) -> type[NotFittedError]:
    return type("NotFittedError", (NotFittedError, theirs), {"__module__": __name__})


def _not_fitted(*args: Any) -> NotFittedError:
    """Return the error, of both kinds if scikit-learn is loaded."""
    exceptions = sys.modules.get("sklearn.exceptions")
    kind = NotFittedError if exceptions is None else _both(exceptions.NotFittedError)
    return kind(*args)


def check_fitted(model: Any) -> None:
    """Refuse a model without parameters.

    Raises
    ------
    NotFittedError
        A `ConfigError`; also a `sklearn.exceptions.NotFittedError`, if scikit-learn is loaded.
    """
    if not hasattr(model, "parameters_"):
        raise _not_fitted("the model is not fitted yet; expected fit or load first.")


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
