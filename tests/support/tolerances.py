"""Every tolerance of the tests, by operation and dtype, and the one comparison that uses them.

A difference is relative to the largest entry of the expected array: a small entry is a difference
of large ones, and has their rounding. In brackets the largest error measured.
"""

import numpy as np

TOLERANCES = {
    # printed reference values: (rtol, atol) entry by entry, as their digits allow [5e-9 absolute]
    "seed": (1e-6, 1e-8),
    # analytic gradient against the central difference, float64 only; the promise is 1e-6 [9e-11]
    "gradient": 1e-8,
    # one sequence in a batch against the same sequence alone: BLAS may sum in another order
    # [4e-15, 5e-7]
    "rows": {"float64": 1e-14, "float32": 5e-6},
    # the same values in another memory layout: BLAS may take another kernel [8e-16, 2e-7]
    "layout": {"float64": 1e-14, "float32": 5e-6},
    # two ways of writing the same equations [3e-16]
    "equations": {"float64": 1e-13, "float32": 1e-5},
    # against PyTorch's float64 golden files [2e-15]
    "golden": 1e-12,
    # float32 results and gradients against the float64 ones of the same inputs [8e-7]
    "float32": 1e-5,
    # the same of units driven into saturation, where 1 - g^2 cancels [6e-6; 6e-5 over five seeds]
    "saturated": {"float32": 5e-4},
    # tanh' = 1 - g^2 in float32 at z, relative to its exact value [1.5e-4, 3.5e-3]
    "saturated_tanh": {5.0: 3e-4, 7.0: 7e-3},
    # an activation against its exact value, in units of the last place [2.3, 1.6]
    "activation_ulp": 4,
    # a logarithm of a probability: absolute, or relative where it is above 1, in machine epsilons
    "log_epsilons": 4,
}


def relative_error(actual, expected):
    """Largest difference, relative to the largest expected entry; 0 for empty arrays."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape, (actual.shape, expected.shape)
    if expected.size == 0:
        return 0.0
    scale = max(np.abs(expected).max(), np.finfo(np.float64).tiny)
    return float(np.abs(actual.astype(np.float64) - expected).max() / scale)


def assert_close(actual, expected, operation):
    """Hold `actual` to `expected` within the tolerance of `operation` for actual's dtype."""
    tolerance = TOLERANCES[operation]
    if isinstance(tolerance, dict):
        tolerance = tolerance[np.asarray(actual).dtype.name]
    error = relative_error(actual, expected)
    assert error <= tolerance, f"{operation}: error {error:.2e}; expected <= {tolerance:.0e}"
