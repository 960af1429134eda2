"""Notebook cards escape what users named, and carry no scripts."""

from __future__ import annotations

from html.parser import HTMLParser

from weft.report.html import card, table


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def check(html: str) -> list[str]:
    parser = Tags()
    parser.feed(html)
    assert not parser.open
    assert "<script" not in html
    return parser.text


def test_card_and_table_are_well_formed_and_escaped() -> None:
    assert "<b>evil" in check(card("t", [("name", "<b>evil")], note="a & b"))
    assert "<script>x</script>" in check(table(["h"], [["<script>x</script>"]], title="T"))
