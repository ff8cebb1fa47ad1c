"""Monthly sunspots 1749-1983, one month ahead, tested on the last 20 %.

The floor is fitted on the same split: an autoregression of order p by least squares, p chosen on
the training part by AIC and by BIC.
"""

import numpy as np
from common import Result, Task, parser, run, timed, with_epochs

from bptt import Forecaster
from bptt.readers import read_series

TASK = Task(
    name="monthly sunspots, one step",
    measure="RMSE, last 20 %, of the mean forecast of 5 models",
    reach="below AR(p)",
    floor="",
    published="none on this split",
)
MOST = 60  # orders that are tried: five years
RECIPE = {
    "window": 132, "units": 32, "epochs": 30, "learning_rate": 1e-3, "schedule": "cosine",
    "dropout": 0.2,
}  # fmt: skip


def design(y, p, steps):
    """Return the p values before each step, and 1 for the constant."""
    return np.column_stack([np.ones(len(steps)), *(y[steps - k] for k in range(1, p + 1))])


def autoregression(y, n):
    """Return {criterion: (p, RMSE on y[n:])} of the orders chosen on y[:n]."""
    steps, test = np.arange(MOST, n), np.arange(n, len(y))
    chosen = {"AIC": (np.inf, 0, 0.0), "BIC": (np.inf, 0, 0.0)}
    for p in range(1, MOST + 1):
        A = design(y, p, steps)
        b, *_ = np.linalg.lstsq(A, y[steps], rcond=None)
        fit = len(steps) * np.log(np.mean((y[steps] - A @ b) ** 2))
        rmse = float(np.sqrt(np.mean((y[test] - design(y, p, test) @ b) ** 2)))
        for name, price in (("AIC", 2.0), ("BIC", np.log(len(steps)))):
            chosen[name] = min(chosen[name], (fit + price * (p + 1), p, rmse))
    return {name: (p, rmse) for name, (_, p, rmse) in chosen.items()}


def measure(arguments):
    path = arguments.data / "time_series" / "sunspots_monthly_1749_1983.csv"
    (x,), _ = read_series(path)
    y = x[:, 0].astype(np.float64)
    n = int(0.8 * len(y))
    persistence = float(np.sqrt(np.mean((y[n:] - y[n - 1 : -1]) ** 2)))
    floors = autoregression(y, n)
    orders = [f"AR({p}) by {name} {rmse:.2f}" for name, (p, rmse) in floors.items()]
    TASK.floor = ", ".join([*orders, f"persistence {persistence:.2f}"])
    rmses, forecasts, total = [], [], 0.0
    for seed in range(arguments.seed, arguments.seed + 5):
        model = Forecaster(**with_epochs(RECIPE, arguments) | {"seed": seed}, horizon=1)
        _, seconds = timed(model.fit, y[:n], progress="silent")
        total += seconds
        forecast, actual = model.backtest(y[n - RECIPE["window"] :])
        assert len(forecast) == len(y) - n
        forecasts.append(forecast)
        rmses.append(float(np.sqrt(np.mean((forecast - actual) ** 2))))
        print(f"seed {seed}: {rmses[-1]:.2f}, {seconds:.0f} s", flush=True)
    rmse = float(np.mean(rmses))
    together = float(np.sqrt(np.mean((np.mean(forecasts, axis=0) - actual) ** 2)))
    return Result(
        figure=f"{together:.2f} (one model {rmse:.2f}: {min(rmses):.2f} to {max(rmses):.2f})",
        values={"rmse": together, "each": rmses, "floors": floors},
        reached=together < min(value for _, value in floors.values()),
        model=repr(model),
        train_seconds=total,
    )


if __name__ == "__main__":
    run(TASK, measure, parser(__doc__).parse_args())
