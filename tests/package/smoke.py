"""Run against an installed wheel: the engine is there, a model trains, is saved and loaded."""

import os
import sys
import tempfile

import bptt


def main():
    bptt.show_config()
    engine = bptt.engine.provider().name
    if os.environ.get("BPTT_REQUIRE_NATIVE") == "1" and engine != "native":
        sys.exit(f"the engine is {engine}; expected native")
    text = "the quick brown fox jumps over the lazy dog. " * 40
    model = bptt.LanguageModel(units=16, seq_length=16, batch_size=4, epochs=3, learning_rate=0.02)
    model.fit(text, progress="silent")
    path = os.path.join(tempfile.mkdtemp(), "m.safetensors")
    model.save(path)
    assert bptt.load(path).sample("the ", seed=0, length=20) == model.sample(
        "the ", seed=0, length=20
    )
    print("ok:", engine, f"{model.cross_entropy(text):.3f} nats per character")


if __name__ == "__main__":
    main()
