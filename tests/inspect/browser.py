"""Read reports in headless Chromium: pick units, read values, press keys, look without scripts.

Usage: python -m tests.inspect.browser [FOLDER]

Compares what the pages say with traces of the same models; with FOLDER it saves pictures there, at
1280 and 400 pixels, light and dark. Needs Chromium, nothing else.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

from bptt import inspect
from bptt.inspect.report import report
from bptt.models import Forecaster, LanguageModel, SequenceClassifier

from ..support.chromium import Chromium

TEXT = 'He said: "The cat (and 2 dogs) sat."\nNobody <asked>, & so on.\n' * 80
RNG = np.random.default_rng(0)


def shown(browser):
    """Return the number that the page reads out."""
    return float(browser.value("document.getElementById('value').textContent").split(" = ")[1])


def ready(browser, path):
    """Open a page and wait for its script."""
    browser.open(path)
    browser.wait("!document.getElementById('picker').hidden")


def select(browser, name, value):
    """Choose an option of a picker as a user does."""
    browser.value(
        f"(()=>{{const s=document.getElementById({name!r});s.value={value!r};"
        f"s.dispatchEvent(new Event('change'))}})()"
    )


def language(browser, folder):
    """Read a language model's page."""
    model = LanguageModel(units=12, epochs=2, batch_size=4).fit(TEXT, progress="silent")
    path = folder / "text.html"
    path.write_text(report(model, TEXT, train=TEXT), encoding="utf-8")
    ready(browser, path)
    c = inspect.trace(model, TEXT)["lstm0.c"][0]
    likely = inspect.probabilities(model, TEXT)
    select(browser, "row", "lstm0.c")
    select(browser, "unit", "5")
    browser.wait("document.getElementById('colored').textContent == 'lstm0.c, unit 5'")
    browser.value("document.getElementById('steps').focus()")
    at = 0
    for key, steps in {"ArrowRight": 1, "PageDown": 2000, "ArrowLeft": -1}.items():
        browser.press(key)
        at += steps
        browser.wait(f"document.getElementById('value').textContent.startsWith('step {at} ')")
        assert np.isclose(shown(browser), c[at, 5], atol=np.abs(c[:, 5]).max() / 120), key
    best = likely.names[likely.top_ids[0][at - 1, 0]]
    browser.wait(f"document.getElementById('top').textContent.startsWith('likeliest: \"{best}\"')")
    browser.press("ArrowDown")
    browser.wait("document.getElementById('unit').value == '6'")
    colors = browser.value("new Set(parts.map(p => p.style.background)).size")
    assert colors > 20, colors
    assert browser.value("parts.map(p => p.textContent).join('')") == TEXT[2000:4000]
    browser.value("document.querySelector('circle[data-pick]').dispatchEvent("
                  "new MouseEvent('click', {bubbles: true}))")  # fmt: skip
    browser.wait("document.getElementById('row').value == 'lstm0.ft'")
    point = "[...document.querySelectorAll('path[data-go]')].find(e => +e.dataset.go > 3000)"
    step = int(browser.value(f"{point}.dataset.go"))  # of the map, on another page of the text
    browser.value(f"{point}.dispatchEvent(new MouseEvent('click', {{bubbles: true}}))")
    browser.wait(f"document.getElementById('value').textContent.startsWith('step {step} ')")
    browser.open(path, scripts=False)
    assert browser.value("document.getElementById('picker').hidden")
    spans = "[...document.querySelectorAll('#steps span')]"
    assert browser.value(f"{spans}.map(s => s.textContent).join('')") == TEXT[:2000]
    assert browser.value(f"new Set({spans}.map(s => s.style.background)).size") > 20
    assert browser.value("document.querySelector('noscript pre').textContent") == TEXT
    return path


def classifier(browser, folder):
    """Read the page of a classifier: attribution by feature, then a unit."""
    X = [RNG.normal(size=(n, 3)).astype(np.float32) for n in RNG.integers(8, 20, 40)]
    y = ["up" if x[:, 0].sum() > 0 else "down" for x in X]
    model = SequenceClassifier(units=8, epochs=8).fit(X, y, progress="silent")
    path = folder / "classifier.html"
    path.write_text(report(model, X, y=y, example=2), encoding="utf-8")
    ready(browser, path)
    found = inspect.attribute(model, [X[2]]).values[0]
    browser.value("go(4)")
    select(browser, "unit", "1")
    browser.wait("document.getElementById('value').textContent.includes(':1 =')")
    assert np.isclose(shown(browser), found[4, 1], atol=np.abs(found).max() / 100)
    return path


def forecaster(browser, folder):
    """Read the page of a forecaster."""
    series = np.sin(np.arange(400) / 5) + 0.1 * RNG.normal(size=400)
    model = Forecaster(window=48, horizon=6, units=8, epochs=3).fit(series, progress="silent")
    path = folder / "forecaster.html"
    path.write_text(report(model, series), encoding="utf-8")
    ready(browser, path)
    a = inspect.trace(model, series)["lstm0.a"][0]
    select(browser, "row", "lstm0.a")
    select(browser, "unit", "3")
    browser.value("go(20)")
    browser.wait("document.getElementById('value').textContent.startsWith('step 20: lstm0.a:3')")
    assert np.isclose(shown(browser), a[20, 3], atol=np.abs(a[:, 3]).max() / 120)
    return path


def main(folder=None):
    """Run all; leave pictures in a folder where one is given."""
    with tempfile.TemporaryDirectory() as own, Chromium() as browser:
        for part in (language, classifier, forecaster):
            path = part(browser, Path(own))
            for width, dark in ((1280, False), (400, False), (1280, True)):
                browser.resize(width, 900, dark)
                ready(browser, path)
                wide = browser.value("document.documentElement.scrollWidth")
                assert wide <= width, f"{path.name} is {wide} pixels wide at {width}"
                if folder:
                    name = f"{path.stem}-{width}{'-dark' * dark}.png"
                    browser.picture(Path(folder) / name)
            assert not browser.errors, browser.errors
            print(f"{part.__name__}: read as computed")


if __name__ == "__main__":
    main(*sys.argv[1:])
