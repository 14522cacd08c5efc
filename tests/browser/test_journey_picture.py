"""The picture in the README, taken of the real thing: UPDATE_IMAGES=1 writes it anew."""

import os
from pathlib import Path

from playwright.sync_api import expect

PICTURE = Path(__file__).resolve().parents[2] / "docs" / "images" / "home.png"
WIDTH = 1280
MOST_BYTES = 150 * 1024


def test_the_readmes_picture(page, sign_in_browser, newcomer, agent):
    sign_in_browser(page, newcomer)
    page.goto("/")
    page.get_by_role("button", name="15 minutes").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Paused until")
    page.mouse.move(0, 0)
    page.evaluate("document.fonts.ready")
    content = page.get_by_role("main").bounding_box()
    height = content["y"] + content["height"]

    picture = page.screenshot(
        full_page=True, clip={"x": 0, "y": 0, "width": WIDTH, "height": height}
    )

    assert len(picture) < MOST_BYTES
    if os.environ.get("UPDATE_IMAGES") == "1":
        PICTURE.parent.mkdir(parents=True, exist_ok=True)
        PICTURE.write_bytes(picture)
