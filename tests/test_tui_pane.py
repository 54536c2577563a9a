"""The virtual pane: it follows the tail only while the reader is at the tail, and nothing else ever moves the view."""

import asyncio
from collections.abc import Awaitable, Callable

from textual.app import App, ComposeResult
from textual.pilot import Pilot

from tui.text import Item, Line, draw, height
from tui.widgets import Pane


class Entry(Item, frozen=True, kw_only=True):
    """A paragraph that can be told from the others."""

    key: int = 0


LONG = "a sentence that is a good deal wider than sixty cells, so that every pane here has to wrap it once or twice"


class Host(App[None]):
    def __init__(self, pane: Pane[Entry]) -> None:
        super().__init__()
        self.pane = pane
        self.opened: list[int] = []

    def compose(self) -> ComposeResult:
        yield self.pane

    def on_pane_chosen(self, event: Pane.Chosen[Entry]) -> None:
        self.opened.append(event.item.key)


def items(first: int, last: int, text: str = LONG) -> list[Entry]:
    return [Entry(text=f"{key} {text if key % 3 == 0 else 'short'}", key=key) for key in range(first, last)]


Script = Callable[[Host, Pilot[None]], Awaitable[None]]


def play(script: Script, *, choose: bool = True, follow: bool = True, rows: int = 20) -> None:
    async def run() -> None:
        host = Host(Pane(draw, height, choose=choose, follow=follow))
        async with host.run_test(size=(60, rows)) as pilot:
            await pilot.pause()
            await script(host, pilot)

    asyncio.run(run())


def test_the_first_paint_shows_whole_rows() -> None:
    widths: list[int] = []

    def drawn(item: Entry, width: int) -> list[Line]:
        widths.append(width)
        return list(draw(item, width))

    class Full(Host):
        def on_mount(self) -> None:
            self.pane.replace(items(0, 50))

    async def run() -> None:
        host = Full(Pane(drawn, height, choose=True))
        async with host.run_test(size=(60, 20)) as pilot:
            await pilot.pause()
            assert set(widths) == {host.pane._rows.width}, "also before the message of the size"

    asyncio.run(run())


def top(pane: Pane[Entry]) -> tuple[int, int]:
    """What is at the top of the view: the item, and which of its rows."""
    at = pane._rows.at(pane.scroll_offset.y)
    return pane.items[at].key, pane.scroll_offset.y - pane._rows.tops[at]


def bottom(pane: Pane[Entry]) -> int:
    return pane.seen[-1].key


def test_it_follows_while_the_reader_is_at_the_tail() -> None:
    async def script(host: Host, pilot: Pilot[None]) -> None:
        for start in range(0, 200, 20):
            host.pane.append(items(start, start + 20))
            await pilot.pause()
            assert bottom(host.pane) == start + 19

    for choose in (True, False):
        play(script, choose=choose)


def test_five_hundred_new_items_do_not_move_a_reader_who_has_gone_up() -> None:
    async def script(host: Host, pilot: Pilot[None]) -> None:
        host.pane.append(items(0, 200))
        await pilot.press("pageup", "pageup", "pageup")
        before = top(host.pane), host.pane.cursor
        for start in range(200, 700, 50):
            host.pane.append(items(start, start + 50))
            await pilot.pause()
            assert (top(host.pane), host.pane.cursor) == before
        await pilot.press("G")
        assert bottom(host.pane) == 699
        host.pane.append(items(700, 720))
        assert bottom(host.pane) == 719

    play(script)


def test_scrolling_up_with_the_wheel_ends_the_following_too() -> None:
    async def script(host: Host, pilot: Pilot[None]) -> None:
        host.pane.append(items(0, 200))
        host.pane.scroll_to(y=100, animate=False)
        await pilot.pause()
        before = top(host.pane)
        host.pane.append(items(200, 300))
        await pilot.pause()
        assert top(host.pane) == before

    play(script)


def test_one_step_up_from_the_last_item_ends_the_following() -> None:
    async def script(host: Host, pilot: Pilot[None]) -> None:
        host.pane.append(items(0, 100))
        await pilot.press("k")
        assert host.pane.chosen
        assert host.pane.chosen.key == 98
        host.pane.append(items(100, 200))
        await pilot.pause()
        assert host.pane.chosen.key == 98
        assert host.pane.chosen in host.pane.seen

    play(script)


def test_older_items_come_in_above_without_moving_anything() -> None:
    async def script(host: Host, pilot: Pilot[None]) -> None:
        host.pane.append(items(500, 600))
        await pilot.press("pageup", "pageup")
        before = top(host.pane), host.pane.chosen
        for start in range(400, -100, -100):
            host.pane.prepend(items(start, start + 100))
            await pilot.pause()
            assert (top(host.pane), host.pane.chosen) == before
        await pilot.press("g")
        assert top(host.pane) == (0, 0)

    play(script)


def test_older_items_do_not_keep_a_reader_from_following() -> None:
    async def script(host: Host, pilot: Pilot[None]) -> None:
        host.pane.append(items(500, 600))
        host.pane.prepend(items(0, 500))
        await pilot.pause()
        assert bottom(host.pane) == 599
        host.pane.append(items(600, 640))
        await pilot.pause()
        assert bottom(host.pane) == 639

    play(script)


def test_a_new_width_keeps_the_reader_at_the_same_item_or_at_the_tail() -> None:
    async def script(host: Host, pilot: Pilot[None]) -> None:
        host.pane.append(items(0, 300))
        for width in (120, 40, 60):
            await pilot.resize_terminal(width, 20)
            await pilot.pause()
            assert bottom(host.pane) == 299
        await pilot.press("pageup", "pageup")
        key, _ = top(host.pane)
        for width in (120, 40, 60):
            await pilot.resize_terminal(width, 20)
            await pilot.pause()
            assert top(host.pane) == (key, 0)

    play(script)


def test_the_keys_reach_every_item_and_enter_opens_the_one_under_the_cursor() -> None:
    async def script(host: Host, pilot: Pilot[None]) -> None:
        host.pane.append(items(0, 12))
        await pilot.press("g")
        for _ in range(12):
            await pilot.press("enter", "j")
            assert host.pane.chosen in host.pane.seen
        assert host.opened == list(range(12))
        await pilot.press("g", *["pagedown"] * 6)
        assert host.pane.cursor == 11
        await pilot.press(*["pageup"] * 6)
        assert host.pane.cursor == 0

    play(script, follow=False, rows=6)


def test_an_item_higher_than_the_view_can_be_passed_both_ways() -> None:
    async def script(host: Host, pilot: Pilot[None]) -> None:
        host.pane.replace([Entry(text="before", key=1), Entry(text="word " * 1000, key=2), Entry(text="after", key=3)])
        for _ in range(2):
            await pilot.press(*["pagedown"] * 3)
            assert host.pane.cursor == 2
            await pilot.press(*["pageup"] * 3)
            assert host.pane.cursor == 0

    play(script, follow=False)


def test_replacing_keeps_the_cursor_on_the_same_item() -> None:
    async def script(host: Host, pilot: Pilot[None]) -> None:
        host.pane.replace(items(10, 60))
        await pilot.press("g", "j", "j", "j")
        row = host.pane._rows.tops[host.pane.cursor] - host.pane.scroll_offset.y
        host.pane.replace(items(0, 60), key=lambda item: item.key)
        assert host.pane.chosen
        assert host.pane.chosen.key == 13
        assert host.pane._rows.tops[host.pane.cursor] - host.pane.scroll_offset.y == row
        host.pane.replace(items(0, 5), key=lambda item: item.key)
        assert host.pane.chosen.key == 4
        host.pane.replace([], key=lambda item: item.key)
        assert host.pane.chosen is None
        await pilot.press("enter", "j", "k", "G", "g", "pagedown")
        assert host.opened == []

    play(script, follow=False)


def test_only_what_is_seen_is_drawn() -> None:
    drawn: list[int] = []

    def counting(item: Entry, width: int) -> tuple[tuple[tuple[str, str], ...], ...]:
        drawn.append(item.key)
        return draw(item, width)

    async def run() -> None:
        pane: Pane[Entry] = Pane(counting, height, choose=True, follow=True)  # type: ignore[arg-type]
        host = Host(pane)
        async with host.run_test(size=(60, 20)) as pilot:
            pane.append(items(0, 100_000))
            await pilot.pause()
            assert set(drawn) <= set(range(99_960, 100_000))
            assert len(host.query("*")) < 10

    asyncio.run(run())
