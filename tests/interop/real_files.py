"""Published model files at their work, end to end: python -m tests.interop.real_files [WAV] [CSV]

Not collected by pytest: it needs the corpus and prints what the models do. The speech is WAV, or
what espeak-ng says where it is installed. CSV is ethnicolr's census2000_ln_vocab.csv, which stands
beside its model and is not in the corpus.
"""

import json
import subprocess
import sys
import tempfile
import wave
from pathlib import Path

import numpy as np

from bptt.interop import load, pad_sequences
from tests.support.interop import CORPUS

RATE = 16_000
SPEECH = "The quick brown fox jumps over the lazy dog."
SOUNDS = (  # of ARPABET, in the order of the file
    "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY "
    "P R S SH T TH UH UW V W Y Z ZH"
)


def softmax(z, axis=-1):
    e = np.exp(z - z.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def textgenrnn():
    """Return the cost of an English question, nats a character, and text that the model writes."""
    folder = CORPUS / "keras2-textgenrnn"
    file = load(folder / "textgenrnn_weights.hdf5")
    ids = json.loads((folder / "textgenrnn_vocab.json").read_text())
    symbols = {i: s for s, i in ids.items()}
    (attention,) = (w for name, w in file.tensors.items() if w.shape == (356, 1))
    network, parameters = file.modules["output"]

    def probabilities(text):
        context = [ids["<s>"], *(ids[s] for s in text)][-40:]
        layers = [file.modules["embedding"].run(np.array([[0] * (40 - len(context)) + context]))]
        for name in ("rnn_1", "rnn_2"):
            layers.append(file.modules[name].run(layers[-1]))
        joined = np.concatenate(layers, axis=2)
        mean = (softmax(joined @ attention, 1) * joined).sum(1)[:, np.newaxis]
        y = network.forward(mean, parameters)[0][0, -1]
        return y if abs(y.sum() - 1) < 1e-3 else softmax(y)

    question = "What is the best way to learn how to play the guitar?"
    cost = -np.mean([np.log(probabilities(question[:k])[ids[s]]) for k, s in enumerate(question)])
    rng, text = np.random.default_rng(0), ""
    while len(text) < 60:
        p = softmax(np.log(probabilities(text) + 1e-12) / 0.4)
        symbol = symbols.get(int(rng.choice(len(p), p=p)), "")
        if symbol == "<s>":
            break
        text += symbol
    return f"{cost:.3f} nats a character on a question; writes {text!r}"


def g2p():
    """Spell words in phonemes with the GRU encoder and decoder of g2p_en."""
    parts = load(CORPUS / "npz-g2p-en" / "checkpoint20.npz").modules
    phonemes = ["<pad>", "<unk>", "<s>", "</s>"]
    for name in SOUNDS.split():
        numbered = [name + d for d in "012"] if name[0] in "AEIOU" else [name]
        phonemes += ["UW", *numbered] if name == "UW" else numbered
    assert len(phonemes) == 74
    spelled = []
    for word in ("hello", "recurrent", "phoneme", "xylophone"):
        letters = np.array([[3 + ord(s) - ord("a") for s in word] + [2]])
        network, parameters = parts["enc"]
        state = network.forward(parts["enc_emb"].run(letters), parameters)[1]
        network, parameters = parts["dec"]
        last, said = 2, []
        while last != 3 and len(said) < 20:
            x = parts["dec_emb"].run(np.array([[last]]))
            y, state, _ = network.forward(x, parameters, state)
            last = int(parts["fc"].run(y)[0, 0].argmax())
            said.append(phonemes[last])
        spelled.append(f"{word}: {' '.join(said[:-1])}")
    return "; ".join(spelled)


def thai():
    """Segment a Thai text by the tags B, I, E, S of its code points.

    A text that ends in the word for "friend" loses its last letter: the network, with 27 units a
    direction, reads the word whole where a space or another word follows, as here.
    """
    path = CORPUS / "unicode-thai-4" / "weights.json"
    ids = json.loads(path.read_text())["dic"]
    text = "ฉันชอบกินข้าวที่บ้านกับเพื่อนของฉัน"
    tags = load(path).run(np.array([[ids.get(s, len(ids)) for s in text]]))[0].argmax(1)
    pairs = zip(text, tags, strict=True)
    return "".join("|" * int(k > 0 and tag in (0, 3)) + s for k, (s, tag) in enumerate(pairs))


SENTENCES = (
    "This is a test.", "The train was late again.", "She bought two books and a lamp.",
    "We went home.", "Nobody knew the answer.", "My brother works in a small bakery.",
    "The river is very deep here.", "He closed the window because of the noise.",
    "They will arrive on Monday.", "I have never seen such a large dog.",
)  # fmt: skip


def nnsplit():
    """Split text at the bytes whose two outputs, sentence and word, are above 0.8.

    As in nnsplit, zeros stand before and after the text. Its threshold was 0.1, 0.5 and 0.8 in
    versions that followed one another; 0.8 divides the true ends and the others best here.
    """
    text = " ".join(SENTENCES)
    edge = np.zeros(5, np.uint8)
    given = np.concatenate([edge, np.frombuffer(text.encode(), np.uint8), edge])
    y = load(CORPUS / "onnx-nnsplit-byte-bilstm" / "model.onnx").run(given[np.newaxis])[0, 5:-5]
    sentence, word = (1 / (1 + np.exp(-y))).T > 0.8
    ends = set(np.cumsum([len(s) + 1 for s in SENTENCES]) - 1)
    ends = {min(end, len(text) - 1) for end in ends}
    found = {k for k in np.flatnonzero(sentence) if text[k] == " " or k == len(text) - 1}
    words = {k for k, s in enumerate(text) if s == " "}
    shown = "".join(s + "|" * int(cut) for s, cut in zip(text, sentence, strict=True))
    return (
        f"{len(found & ends)} of {len(ends)} ends of sentences, {len(found - ends)} others; "
        f"{int(word[sorted(words)].sum())} of {len(words)} words; {shown[:70]} ..."
    )


def tagger():
    """Tag tokens with a file of AllenNLP's tests: embedding, projection, LSTM, two labels."""
    file = load(CORPUS / "torch-simple-tagger-zip" / "best.th")
    words = "text_field_embedder.token_embedder_tokens"
    names = [words, f"{words}._projection", "encoder._module", "tag_projection_layer._module"]
    ids = np.array([[2, 3, 4, 5, 6, 7, 8, 9]])
    y = file.chain(*names).run(ids)
    for name in names:
        ids = file.modules[name].run(ids)
    return f"labels {y[0].argmax(1).tolist()}, {np.abs(y - ids).max():.1e} from part by part"


def ethnicolr(path):
    """Classify surnames by their pairs of letters; UNK is 0, padding stands on the left."""
    pairs = {pair: k for k, pair in enumerate(Path(path).read_text().split()[1:])}
    names = ("Garcia", "Nguyen", "Washington", "Schmidt", "Patel", "Hernandez", "Kim", "O'Brien")
    coded = [[pairs.get(name[k : k + 2], 0) for k in range(len(name) - 1)] for name in names]
    y = load(CORPUS / "keras2-ethnicolr-census2000" / "census2000_ln_lstm.h5").run(
        pad_sequences(coded, maxlen=20)
    )
    kinds = ("api", "black", "hispanic", "white")
    said = (f"{n} {kinds[p.argmax()]} {p.max():.2f}" for n, p in zip(names, y, strict=True))
    return ", ".join(said)


def predictions():
    """Compare a Keras 1 file's predictions with those that its authors stored beside it."""
    import h5py

    folder = CORPUS / "keras1-lstm-tf"
    with h5py.File(folder / "simple_lstm_tf_keras_1_inputs_and_outputs.h5") as stored:
        x, wanted = (stored[n][()] for n in ("inputs/lstm_input_1", "predictions/dense_1"))
    y = load(folder / "simple_lstm_tf_keras_1_model.h5").run(x)
    return f"{len(y)} predictions, at most {np.abs(y - wanted).max():.1e} from Keras 1.2.2's own"


def turbofan():
    """Predict the remaining life of engines from 50 cycles of 25 (random) sensor values."""
    folder = CORPUS / "keras2-turbofan-regression"
    x = np.load(folder / "vectors.npz")["in.x"]
    y = load(folder / "regression_model.h5").run(x)[:, 0]
    return f"cycles left for three random inputs: {', '.join(f'{cycles:.1f}' for cycles in y)}"


def speech(path=None):
    """Return speech with a second of silence before and after it, 16 kHz, and where it is."""
    with tempfile.TemporaryDirectory() as folder:
        if path is None:
            path = Path(folder) / "speech.wav"
            subprocess.run(["espeak-ng", "-w", str(path), SPEECH], check=True)
        with wave.open(str(path)) as file:
            rate, frames = file.getframerate(), file.readframes(file.getnframes())
    x = np.frombuffer(frames, np.int16).astype(np.float32) / 32768
    x = np.interp(np.arange(0, len(x), rate / RATE), np.arange(len(x)), x).astype(np.float32)
    gap = np.zeros(RATE, np.float32)
    return np.concatenate([gap, x, gap])


def silero(x):
    """Find speech: spans of blocks of 512 samples whose probability is over 0.5."""
    model = load(CORPUS / "onnx-silero-vad-16k-op15" / "silero_vad_16k_op15.onnx")
    state, before = np.zeros((2, 1, 128), np.float32), np.zeros(64, np.float32)
    found = []
    for k in range(len(x) // 512):
        block = np.concatenate([before, x[512 * k : 512 * (k + 1)]])[np.newaxis]
        out = model.run(block, state=state, sr=np.array(RATE))
        state, before = out["stateN"], block[0, -64:]
        found.append(float(out["output"][0, 0]) > 0.5)
    edges = np.flatnonzero(np.diff([0, *found, 0])).reshape(-1, 2) * 512 / RATE
    spans = ", ".join(f"{a:.2f}-{b:.2f}" for a, b in edges)
    return f"speech lies in 1.00-{len(x) / RATE - 1:.2f} s; found {spans} s"


def dtln(x):
    """Remove noise with the first of DTLN's two networks: a mask on the spectrum."""
    model = load(CORPUS / "onnx-dtln-1" / "model_1.onnx")
    noise = np.random.default_rng(0).normal(0, 0.03, len(x)).astype(np.float32)
    state, clean = np.zeros((1, 2, 128, 2), np.float32), np.zeros(len(x))
    for k in range(0, len(x) - 512, 128):
        spectrum = np.fft.rfft((x + noise)[k : k + 512])
        size = np.abs(spectrum).astype(np.float32)[np.newaxis, np.newaxis]
        out = model.run(input_2=size, input_3=state)
        state = out["tf_op_layer_stack_2"]
        clean[k : k + 512] += np.fft.irfft(spectrum * out["activation_2"][0, 0]) / 4

    def ratio(y):
        middle = slice(512, -1024)
        return 10 * np.log10((x[middle] ** 2).sum() / ((y - x)[middle] ** 2).sum())

    return f"signal to noise {ratio(x + noise):.1f} dB before, {ratio(clean):.1f} dB after"


def amplifier(x, path):
    """Run speech through the model of an amplifier or pedal, in blocks of 64 samples."""
    model = load(CORPUS / path)
    n_in = next(iter(model.network.layers.values())).n_in if model.model else 1
    given = np.zeros((1, len(x), n_in), np.float32)
    given[0, :, 0] = x
    y = model.run(given)[0, :, 0]
    level = [20 * np.log10(np.sqrt(np.mean(s**2)) + 1e-9) for s in (x, y)]
    crest = [np.abs(s).max() / np.sqrt(np.mean(s**2)) for s in (x, y)]
    levels = f"level {level[0]:.1f} -> {level[1]:.1f} dB"
    return f"{levels}, peak over mean {crest[0]:.1f} -> {crest[1]:.1f}"


def main():
    tables = [path for path in sys.argv[1:] if path.endswith(".csv")]
    x = speech(*[path for path in sys.argv[1:] if path not in tables])
    jobs = [textgenrnn, g2p, thai, nnsplit, tagger, predictions, turbofan]
    rows = [(job.__name__, job) for job in jobs]
    rows += [("ethnicolr", lambda path=path: ethnicolr(path)) for path in tables]
    rows += [("silero", lambda: silero(x)), ("dtln", lambda: dtln(x))]
    for path in ("nam-lstm-1x16/BossLSTM-1x16.nam", "guitarml-ts9-conditioned/TS9.json",
                 "rtneural-centaur-50/centaur_50.json"):  # fmt: skip
        rows.append((path.split("/")[0], lambda path=path: amplifier(x, path)))
    failed = False
    for name, job in rows:
        try:
            print(f"{name}: {job()}", flush=True)
        except Exception as error:  # the others still show what they do
            failed = True
            print(f"{name}: FAILED {type(error).__name__}: {error}", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
