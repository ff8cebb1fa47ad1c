"""The operation in front of an error's message."""

import pytest

from bptt.errors import BpttError, ConfigError, ShapeError, operation, within


class Base:
    @operation
    def __init__(self, n=1):
        if n < 1:
            raise ConfigError(f"n is {n}; expected >= 1.")

    @operation
    def forward(self, x):
        """Docs of forward."""
        if x is None:
            raise ShapeError("x is None; expected an array.")
        return x

    @operation
    def steps(self, n):
        for i in range(n):
            if i == 2:
                raise ShapeError("i is 2; expected less.")
            yield i

    @classmethod
    @operation
    def load(cls):
        raise ConfigError("there is no file.")


class Derived(Base):
    @operation
    def fit(self, x):
        return self.forward(x)

    @operation
    def train(self):
        with within("validation"), within("batch 3"):
            raise ShapeError("x is empty.")


@operation
def outer(x):
    return Derived().fit(x)


def message(call, *args):
    with pytest.raises(BpttError) as caught:
        call(*args)
    return str(caught.value)


def test_the_innermost_operation_stands_in_front_once_with_the_runtime_class():
    expected = "Derived.forward: x is None; expected an array."
    assert message(Derived().forward, None) == expected
    assert message(Derived().fit, None) == expected
    assert message(outer, None) == expected
    assert message(Base().forward, None) == expected.replace("Derived", "Base")
    with pytest.raises(ShapeError) as caught:
        outer(None)
    assert caught.value.operation == "Derived.forward"


def test_constructors_and_class_methods_are_named_by_their_class():
    assert message(Derived, 0) == "Derived: n is 0; expected >= 1."
    assert message(Derived.load) == "Derived.load: there is no file."


def test_a_part_of_an_operation_stands_behind_it():
    assert message(Derived().train) == "Derived.train, validation, batch 3: x is empty."


def test_a_block_names_an_operation_and_a_name_decorates_a_function():
    def block():
        with operation("bptt train"):
            outer(None)
            raise ConfigError("never reached.")

    assert message(block).startswith("Derived.forward: ")

    @operation("resume")
    def restore():
        raise ConfigError("the state is damaged.")

    assert message(restore) == "resume: the state is damaged."


def test_a_generator_gives_its_errors_the_operation_and_its_values_as_they_are():
    steps = Base().steps(5)
    assert [next(steps), next(steps)] == [0, 1]
    assert message(next, steps) == "Base.steps: i is 2; expected less."


def test_the_same_error_goes_on_with_its_cause_and_its_traceback():
    raised = []

    @operation
    def convert():
        try:
            int("x")
        except ValueError as error:
            raised.append(ShapeError("x is no number."))
            raise raised[0] from error

    with pytest.raises(ShapeError) as caught:
        convert()
    assert caught.value is raised[0]
    assert isinstance(caught.value.__cause__, ValueError)
    assert [entry.name for entry in caught.traceback][-1] == "convert"


def test_other_errors_and_results_pass_unchanged_and_the_documentation_stays():
    @operation
    def divide(a, b):
        return a / b

    with pytest.raises(ZeroDivisionError, match="division by zero"):
        divide(1, 0)
    assert Base().forward(3) == 3
    assert (Base.forward.__name__, Base.forward.__doc__) == ("forward", "Docs of forward.")
