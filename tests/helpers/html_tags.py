"""Reads the tags of an HTML page, and checks that the page loads nothing."""

import re
from html.parser import HTMLParser

VOID = {"meta", "link", "br", "img"}  # tags that are never closed
Tags = list[tuple[str, dict[str, str]]]


class TagParser(HTMLParser):
    """Collects the tags of a page, and checks that they are closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Tags = []

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def tags_of(page: str) -> Tags:
    """Returns all tags of a page with their attributes. Checks that all are closed."""
    parser = TagParser()
    parser.feed(page)
    assert parser.open == []
    return parser.tags


def check_fragment(html: str) -> None:
    """Checks that a part of a page loads nothing, and has no scripts and no styles."""
    assert "http" not in html
    tags = tags_of(html)
    active = {"script", "img", "iframe", "object", "link", "style"}
    assert {tag for tag, _ in tags} & active == set()
    assert not any(key.startswith("on") for _, attrs in tags for key in attrs)


def check_self_contained(page: str) -> None:
    """Checks that a page loads nothing and has no scripts, but styles for phones."""
    assert "http" not in page and "@import" not in page and "url(" not in page
    tags = tags_of(page)
    assert {tag for tag, _ in tags} & {"script", "img", "iframe", "object"} == set()
    # An empty icon, so that a browser does not ask for `favicon.ico`.
    assert [attrs["href"] for tag, attrs in tags if tag == "link"] == ["data:,"]
    assert not any(key.startswith("on") for _, attrs in tags for key in attrs)
    (viewport,) = (a["content"] for _, a in tags if a.get("name") == "viewport")
    assert "width=device-width" in viewport
    assert "prefers-color-scheme:dark" in page  # dark mode
    assert re.search(r"@media\(max-width:", page)
