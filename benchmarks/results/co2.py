"""Weekly CO2 on Mauna Loa (1958 to 2001), horizon 13, with and without the day of the year.

The first 60 % of the weeks train, the next 20 % stop the training and calibrate the intervals, the
last 20 % are the test: all windows of 52 weeks. Missing weeks (59) are interpolated for windows and
count in no score. MASE is scaled by the seasonal naive forecast (52 weeks) on the training part.
"""

import pandas as pd
from common import Result, Task, parser, run, timed, with_epochs

from bptt import Forecaster
from bptt.models.forecast_metrics import mase, naive_error

WINDOW, HORIZON, SEASON = 52, 13, 52
RECIPE = {"window": WINDOW, "horizon": HORIZON, "units": 16, "epochs": 20, "patience": 8}


def measure(arguments):
    table = pd.read_csv(arguments.data / "time_series" / "co2_weekly.csv")
    table.index = pd.to_datetime(table.pop("date").astype(str), format="%Y%m%d")
    table = table.asfreq("W-SAT")
    train, calibration = int(0.6 * len(table)), int(0.8 * len(table))
    held_out, test = table[train - WINDOW : calibration], table[calibration - WINDOW :]
    scale = naive_error(table[:train].to_numpy(), SEASON)
    recipe = with_epochs(RECIPE, arguments) | {"missing": "interpolate"}
    tested, seconds = {}, 0.0
    for calendar in ((), ("dayofyear",)):
        model = Forecaster(**recipe, calendar=calendar)
        _, seconds = timed(model.fit, table[:train], validation=held_out)
        model.calibrate(held_out)
        tested[calendar] = model.backtest(test, season=SEASON, coverage=(0.8, 0.95))
    without, ours = tested.values()
    plain, own, naive = (
        float(mase(ours.actual, forecast, scale))
        for forecast in (without.forecast, ours.forecast, ours.naive)
    )
    reached = {c: float(ours.metrics()[f"coverage {c:.3g}"][0]) for c in (0.8, 0.95)}
    TASK.floor = f"without calendar {plain:.3f}, same week last year {naive:.3f}"
    near = all(abs(share - c) <= 0.05 for c, share in reached.items())
    return Result(
        figure=f"{own:.3f}; {reached[0.8]:.1%} and {reached[0.95]:.1%} in intervals",
        values={"mase": own, "without": plain, "naive": naive, "coverage": list(reached.values())},
        reached=bool(own < min(1, plain) and near),
        model=repr(model),
        train_seconds=seconds,
    )


TASK = Task(
    name="weekly CO2, horizon 13, day of the year",
    measure="MASE, last 20 %; coverage of 80 % and 95 % intervals",
    reach="< 1, < without calendar; within 5 points",
    floor="",
    published="none on this split",
)

if __name__ == "__main__":
    run(TASK, measure, parser(__doc__).parse_args())
