"""Check the built site: ``python docs/check_site.py build/site``.

Pages load nothing from the network, links and anchors inside the site exist, and links to other
sites are well-formed https addresses. Other sites are not visited.
"""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

REMOTE = re.compile(r"^(\w+:)?//")
LOADED = {
    "script": "src", "img": "src", "iframe": "src", "source": "src", "audio": "src", "video": "src",
    "embed": "src", "input": "src", "object": "data", "image": "href", "use": "href",
}  # fmt: skip
LOADING_RELATIONS = {
    "stylesheet",
    "icon",
    "preload",
    "prefetch",
    "preconnect",
    "manifest",
    "modulepreload",
}
IN_CSS = re.compile(r"""(?:url\(|@import)\s*["']?((?:\w+:)?//[^"')\s]+)""")


class Page(HTMLParser):
    """Anchors, links and loaded files of a page."""

    def __init__(self, text: str):
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = IN_CSS.findall(text)
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = {name: value or "" for name, value in attrs}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if tag == "link" and LOADING_RELATIONS & set(values.get("rel", "").split()):
            self.loaded.append(values["href"])
        if values.get(LOADED.get(tag, "")):
            self.loaded.append(values[LOADED[tag]])
        self.loaded += [
            part.split()[0] for part in values.get("srcset", "").split(",") if part.strip()
        ]


def problems(site: Path) -> tuple[list[str], int, set[str]]:
    """Return the problems of a site, the number of internal links and the external links."""
    pages = {path: Page(path.read_text("utf-8")) for path in sorted(site.rglob("*.html"))}
    found, inside, outside = [], 0, set()
    for path, page in pages.items():
        name = path.relative_to(site)
        for address in page.loaded:
            if REMOTE.match(address):
                found.append(f"{name}: loads {address}")
            elif not address.startswith("data:") and not _file(path, address).exists():
                found.append(f"{name}: loads {address}, which does not exist")
        for address in page.links:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                outside.add(address)
                if parts.scheme not in ("https", "mailto") or not (parts.netloc or parts.path):
                    found.append(f"{name}: {address} is not an https address")
                continue
            inside += 1
            target = _file(path, address) if parts.path else path
            if not target.is_file():
                found.append(f"{name}: {address} does not exist")
            elif parts.fragment and unquote(parts.fragment) not in pages[target].anchors:
                found.append(f"{name}: {address} has no such anchor")
    for path in sorted(site.rglob("*.css")):
        found += [
            f"{path.relative_to(site)}: loads {u}" for u in IN_CSS.findall(path.read_text("utf-8"))
        ]
    return found, inside, outside


def _file(page, address):
    return (page.parent / unquote(urlsplit(address).path)).resolve()


if __name__ == "__main__":
    site = Path(sys.argv[1]).resolve()
    found, inside, outside = problems(site)
    print(*found, sep="\n", end="\n" if found else "")
    counts = f"{inside} internal links, {len(outside)} external ones (not visited)"
    print(f"{counts}, {len(found)} problems")
    sys.exit(bool(found))
