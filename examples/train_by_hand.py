"""Train an LSTM with the textbook functions alone: is a sequence's first number above its last?

No layer, no model, no optimizer class: forward, loss, backward, update, written out.
"""

import numpy as np

from bptt.equations import (
    lstm_backward,
    lstm_forward,
    output_backward,
    output_forward,
    pad_sequences,
    softmax_cross_entropy,
)


def make_batch(rng, m):
    """Sequences of 3 to 8 numbers, features first; the label belongs to the last step."""
    sequences = [rng.uniform(-1, 1, (1, rng.integers(3, 9))) for _ in range(m)]
    labels = np.array([int(s[0, 0] > s[0, -1]) for s in sequences])
    x, lengths = pad_sequences(sequences)
    return x, lengths, labels


def train(steps=300, n_a=16, m=64, learning_rate=1.0, seed=0):
    """Return the accuracy on fresh sequences, after printing the loss on the way."""
    rng = np.random.default_rng(seed)
    p = {f"W{g}": rng.normal(0, 0.3, (n_a, n_a + 1)) for g in "fico"}
    p |= {f"b{g}": np.zeros((n_a, 1)) for g in "ico"} | {"bf": np.ones((n_a, 1))}
    p |= {"Wy": rng.normal(0, 0.3, (2, n_a)), "by": np.zeros((2, 1))}

    def forward(x, lengths):
        a, _, _, caches = lstm_forward(x, np.zeros((n_a, x.shape[1])), p, lengths)
        last = np.array(lengths) - 1
        a_last = a[:, np.arange(len(last)), last]  # (n_a, m): the state after each last step
        return a, a_last, output_forward(a_last, p["Wy"], p["by"]), caches

    for step in range(1, steps + 1):
        x, lengths, labels = make_batch(rng, m)
        a, a_last, z, caches = forward(x, lengths)
        loss, dz = softmax_cross_entropy(z, labels, reduction="mean_examples")
        head = output_backward(dz, a_last, p["Wy"])
        # The loss looks at final states only: no gradient on any step's own output.
        gradients = lstm_backward(np.zeros_like(a), caches, da_final=head["da"]) | head
        for name in p:
            p[name] = p[name] - learning_rate * gradients[f"d{name}"]
        if step % 100 == 0:
            print(f"step {step}: loss {loss:.3f} nats")
    x, lengths, labels = make_batch(rng, 1000)
    return float(np.mean(forward(x, lengths)[2].argmax(axis=0) == labels))


if __name__ == "__main__":
    print(f"accuracy on fresh sequences: {train():.1%}")
