"""Batches for truncated BPTT: one long text as parallel streams, window after window."""

from ..errors import ConfigError


def text_windows(tokens, batch_size, seq_length):
    """Cut a text into parallel streams and walk along them.

    The text is cut into `batch_size` equal pieces that run side by side, so that the state left
    by one window is the state each row of the next window starts from. Each token's target is the
    token after it. Up to `batch_size` - 1 tokens at the end are left out.

    Parameters
    ----------
    tokens : ndarray of int, shape (n,)
    batch_size : int
        Parallel streams, m.
    seq_length : int
        Steps in a window; the last window may be shorter.

    Returns
    -------
    list of (x, y) pairs of ndarray of int, each (batch_size, T)
        Views of `tokens`, T <= seq_length.

    Raises
    ------
    ConfigError
        The text is too short to give every stream a token and its target.

    Examples
    --------
    >>> import numpy as np
    >>> windows = text_windows(np.arange(9), batch_size=2, seq_length=3)
    >>> for x, y in windows: print(x.tolist(), y.tolist())
    [[0, 1, 2], [4, 5, 6]] [[1, 2, 3], [5, 6, 7]]
    [[3], [7]] [[4], [8]]
    """
    steps = (len(tokens) - 1) // batch_size
    if steps < 1:
        raise ConfigError(
            f"text_windows: the text has {len(tokens)} tokens; expected at least "
            f"{batch_size + 1}, because batch_size is {batch_size}."
        )
    x = tokens[: batch_size * steps].reshape(batch_size, steps)
    y = tokens[1 : batch_size * steps + 1].reshape(batch_size, steps)
    return [
        (x[:, t : t + seq_length], y[:, t : t + seq_length]) for t in range(0, steps, seq_length)
    ]
