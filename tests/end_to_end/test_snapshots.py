"""A sync keeps who was in each segment; where it cannot, it says so, and tells what it sent all the same."""

from tests.end_to_end.conftest import Cli
from tests.end_to_end.shop import ShopWorkspace
from tests.end_to_end.test_outcomes import row


def test_a_sync_keeps_who_was_in_or_says_why_not(small: ShopWorkspace, cli: Cli) -> None:
    place = small.folder / "var/snapshots"
    place.write_text("in the way")
    code, told = cli(small, "sync")
    assert (code, told["outcome"]) == (3, "held_back")
    assert row(told, "meta")["sent"]["adds"] > 0
    assert "is no folder" in told["unkept"]
    place.unlink()
    code, told = cli(small, "sync")
    assert (code, told["unkept"]) == (0, "")
    code, history = cli(small, "segment", "history", "everybody")
    (kept,) = history["snapshots"]
    assert (code, kept["size"]) == (0, cli(small, "segment", "preview", "everybody")[1]["size"])
    assert cli(small, "segment", "replay", "everybody")[1]["same"] is True
