"""The book of docs/: links out of it lead to the repository (a preprocessor of mdBook), and `check` follows all.

mdBook runs it as `book.py supports RENDERER`, and then with the book as JSON on standard input.
"""

import json
import posixpath
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parent.parent
# What mdBook makes of the others.
MADE = {"404.html", "print.html", "toc.html"}
LINK = re.compile(r"(\]\()([^)#\s]+)(#[^)\s]*)?(\))")


def repository() -> str:
    """Where the files are for readers, from Cargo.toml."""
    found = re.search(r'^repository = "(.+)"$', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)
    assert found
    return f"{found[1]}/blob/main"


def led_out(content: str, page: str, base: str) -> str:
    """The text of a page, whose links to what is not in docs/ lead to the repository."""

    def lead(match: re.Match[str]) -> str:
        opening, target, anchor, closing = match.groups(default="")
        path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), target))
        if "://" in target or path.startswith("docs/"):
            return match[0]
        return f"{opening}{base}/{path}{anchor}{closing}"

    return LINK.sub(lead, content)


def chapters(part: Any) -> list[dict[str, Any]]:
    """Every chapter of a book, wherever the version of mdBook puts it."""
    if isinstance(part, dict):
        own = [part] if {"content", "path"} <= part.keys() and part["path"] else []
        return own + [one for value in part.values() for one in chapters(value)]
    return [one for value in part for one in chapters(value)] if isinstance(part, list) else []


def preprocess() -> None:
    """mdBook's protocol: context and book come in, the book goes out."""
    _, book = json.load(sys.stdin)
    base = repository()
    for chapter in chapters(book):
        chapter["content"] = led_out(chapter["content"], chapter["path"], base)
    json.dump(book, sys.stdout)


class Page(HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        for name, value in attrs:
            if name in {"href", "src"} and value:
                self.links.append(value)
            elif name == "id" and value:
                self.anchors.add(value)


def dead_links(folder: Path) -> list[str]:
    """The links of a built book that lead nowhere. Links to other hosts are not followed."""
    pages = {path: Page(path.read_text()) for path in sorted(folder.rglob("*.html"))}
    dead = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or path.name in MADE:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchors = pages[target].anchors if target in pages else {parts.fragment}
            if not target.exists() or not target.is_relative_to(folder) or parts.fragment not in anchors | {""}:
                dead.append(f"{path.relative_to(folder)}: {link}")
    return dead


def check(folder: Path) -> int:
    """Follows every link of the built book."""
    dead = dead_links(folder.resolve())
    for link in dead:
        print(f"dead link: {link}")
    print(f"{len(list(folder.rglob('*.html')))} pages, {len(dead)} dead links")
    return 1 if dead else 0


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["supports", _]:
            sys.exit(0)
        case ["check", place]:
            sys.exit(check(Path(place)))
        case _:
            preprocess()
