"""Sealed content: opens with its keys and for its purpose, and with nothing else."""

import errno
import os
import re
import stat
from base64 import b64decode, b64encode
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.core.management import call_command

from portal import checks
from portal.lib.keys import KeysMissing, create_keys
from portal.lib.sealing import (
    Unreadable,
    add_key,
    key_id_of,
    new_data_key,
    retire_keys,
    rewrap,
    seal,
    unseal,
)

PURPOSE = "message:6f1c2d9e-8a55-4f0e-9a43-0b1c7d2e3f40"
TEXT = "My doctor says so: ĉi tie CANARY-4711".encode()
MEBIBYTE = 2**20

each = pytest.mark.parametrize

pytestmark = pytest.mark.usefixtures("keys")


@pytest.fixture
def data_key(keys):
    return new_data_key()


def lines(folder):
    return (folder / "sealing.keys").read_text().splitlines()


def ids(folder):
    return [line.split()[0] for line in lines(folder)]


def altered(stored):
    """Yield what is stored with each of its bytes changed, one at a time, by a bit and wholly."""
    for index, byte in enumerate(stored):
        for changed in (byte ^ 1, byte ^ 0xFF):
            yield stored[:index] + bytes([changed]) + stored[index + 1 :]


# Content


@each("content", [b"", b"\x00", TEXT, bytes(10 * MEBIBYTE)], ids=["none", "one", "text", "10 MB"])
def test_opens_what_was_sealed(data_key, content):
    sealed = seal(data_key, content, purpose=PURPOSE)

    assert unseal(data_key, sealed, purpose=PURPOSE) == content
    assert len(sealed) == len(content) + 29


def test_content_is_not_found_in_what_is_stored(data_key):
    sealed = seal(data_key, TEXT * 100, purpose=PURPOSE)

    parts = [TEXT[start : start + 4] for start in range(len(TEXT) - 3)]
    assert [part for part in parts if part in data_key + sealed] == []


def test_same_content_never_looks_the_same(data_key):
    sealed = {seal(data_key, TEXT, purpose=PURPOSE) for _ in range(100)}

    assert len({part[:13] for part in sealed}) == 100
    assert len({part[13:] for part in sealed}) == 100


def test_every_row_has_another_data_key():
    assert len({new_data_key() for _ in range(100)}) == 100


def test_refuses_what_was_altered_in_any_byte(data_key):
    for stored in altered(seal(data_key, TEXT, purpose=PURPOSE)):
        with pytest.raises(Unreadable):
            unseal(data_key, stored, purpose=PURPOSE)


def test_refuses_a_data_key_that_was_altered_in_any_byte(data_key):
    sealed = seal(data_key, TEXT, purpose=PURPOSE)

    for stored in altered(data_key):
        with pytest.raises(Unreadable):
            unseal(stored, sealed, purpose=PURPOSE)
        with pytest.raises(Unreadable):
            seal(stored, TEXT, purpose=PURPOSE)


def test_refuses_what_was_cut_off_or_prolonged(data_key):
    sealed = seal(data_key, TEXT, purpose=PURPOSE)

    for stored in (sealed + b"\x00", *(sealed[:size] for size in range(len(sealed)))):
        with pytest.raises(Unreadable):
            unseal(data_key, stored, purpose=PURPOSE)
    for stored in (data_key + b"\x00", *(data_key[:size] for size in range(len(data_key)))):
        with pytest.raises(Unreadable):
            unseal(stored, sealed, purpose=PURPOSE)


@each("purpose", ["", "message:other", PURPOSE + " ", PURPOSE.upper(), PURPOSE[:-1]])
def test_refuses_what_was_moved_to_another_place(data_key, purpose):
    sealed = seal(data_key, TEXT, purpose=PURPOSE)

    with pytest.raises(Unreadable):
        unseal(data_key, sealed, purpose=purpose)


def test_refuses_the_data_key_of_another_row(data_key):
    sealed = seal(data_key, TEXT, purpose=PURPOSE)

    with pytest.raises(Unreadable):
        unseal(new_data_key(), sealed, purpose=PURPOSE)


def test_errors_say_nothing_of_content_and_keys(keys, data_key):
    with pytest.raises(Unreadable) as refused:
        unseal(data_key, seal(data_key, TEXT, purpose=PURPOSE), purpose="message:other")

    assert "CANARY" not in repr(refused.value)
    assert refused.value.__suppress_context__


def test_stored_bytes_are_as_documented(keys, data_key):
    """Source: the docstring of portal/lib/sealing.py."""
    sealed = seal(data_key, TEXT, purpose=PURPOSE)

    key_id, encoded = lines(keys)[0].split(" ")
    header, nonce, wrapped = data_key[:9], data_key[9:21], data_key[21:]
    plain = AESGCM(b64decode(encoded)).decrypt(nonce, wrapped, b"data key" + header)
    assert header == b"\x01" + bytes.fromhex(key_id)
    assert (len(data_key), len(plain)) == (69, 32)
    beside = b"content\x01" + PURPOSE.encode()
    assert AESGCM(plain).decrypt(sealed[1:13], sealed[13:], beside) == TEXT


# Rotation


def test_new_key_is_in_use_at_once_and_old_content_still_opens(keys, data_key):
    sealed = seal(data_key, TEXT, purpose=PURPOSE)
    before = key_id_of(data_key)

    added = add_key(keys)

    assert ids(keys) == [added, before]
    assert key_id_of(new_data_key()) == added
    assert unseal(data_key, sealed, purpose=PURPOSE) == TEXT


def test_rewrapping_changes_the_data_key_alone(keys, data_key):
    sealed = seal(data_key, TEXT, purpose=PURPOSE)
    added = add_key(keys)

    rewrapped = rewrap(data_key)

    assert key_id_of(rewrapped) == added
    assert unseal(rewrapped, sealed, purpose=PURPOSE) == TEXT
    assert rewrap(rewrapped) is None


def test_retired_key_opens_nothing_any_more(keys, data_key):
    sealed = seal(data_key, TEXT, purpose=PURPOSE)
    before = key_id_of(data_key)
    add_key(keys)
    rewrapped = rewrap(data_key)

    assert retire_keys(keys, set()) == [before]

    assert unseal(rewrapped, sealed, purpose=PURPOSE) == TEXT
    for refused in (lambda: unseal(data_key, sealed, purpose=PURPOSE), lambda: rewrap(data_key)):
        with pytest.raises(Unreadable, match=before):
            refused()


def test_keys_in_use_or_kept_are_not_retired(keys):
    first = ids(keys)[0]
    second, third, fourth = (add_key(keys) for _ in range(3))

    assert retire_keys(keys, {first, third, "0123456789abcdef"}) == [second]
    assert ids(keys) == [fourth, third, first]

    assert retire_keys(keys, {first, third}) == []
    assert retire_keys(keys, set()) == [third, first]
    assert retire_keys(keys, set()) == []
    assert ids(keys) == [fourth]


def test_key_of_another_portal_is_said_to_be_missing(keys, data_key, settings, tmp_path):
    create_keys(tmp_path)
    settings.KEYS_DIR = tmp_path

    with pytest.raises(Unreadable, match=f"{key_id_of(data_key)} is not here"):
        seal(data_key, TEXT, purpose=PURPOSE)


def test_no_key_is_lost_when_several_are_added_at_once(keys):
    first = ids(keys)[0]

    with ThreadPoolExecutor(8) as threads:
        added = list(threads.map(add_key, [keys] * 40))

    assert sorted(ids(keys)) == sorted([first, *added])


def test_readers_never_meet_half_a_file(keys, data_key):
    sealed = seal(data_key, TEXT, purpose=PURPOSE)

    with ThreadPoolExecutor(2) as threads:
        rotating = threads.submit(lambda: [add_key(keys) for _ in range(50)])
        while not rotating.done():
            assert unseal(data_key, sealed, purpose=PURPOSE) == TEXT
            assert len(new_data_key()) == 69

    assert len(rotating.result()) == 50


# Files


def test_first_key_is_made_with_the_others_and_never_replaced(settings, tmp_path, capsys):
    settings.KEYS_DIR = tmp_path / "keys"
    call_command("create_keys")
    before = lines(settings.KEYS_DIR)

    call_command("create_keys")

    assert lines(settings.KEYS_DIR) == before
    assert re.fullmatch(r"[0-9a-f]{16} [A-Za-z0-9+/]{43}=", *before)
    assert "sealing.keys" in capsys.readouterr().out.splitlines()[0]


def test_link_to_keys_that_are_away_is_not_replaced(tmp_path):
    (tmp_path / "sealing.keys").symlink_to(tmp_path / "mounted" / "sealing.keys")

    assert "sealing.keys" not in create_keys(tmp_path)

    assert (tmp_path / "sealing.keys").is_symlink()


def test_file_stays_readable_by_its_owner_alone(keys):
    modes = []
    for change in (lambda: None, lambda: add_key(keys), lambda: retire_keys(keys, set())):
        change()
        modes.append((keys / "sealing.keys").stat().st_mode & 0o777)

    assert modes == [0o600] * 3
    assert not list(keys.glob("*.unfinished"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_file_that_root_changes_still_belongs_to_the_account_that_serves(keys):
    os.chown(keys / "sealing.keys", 4711, 4712)

    add_key(keys)

    changed = (keys / "sealing.keys").stat()
    assert (changed.st_uid, changed.st_gid) == (4711, 4712)


@each("call", ["fsync", "open"])
def test_failed_write_leaves_the_keys_as_they_were(keys, monkeypatch, call):
    before = lines(keys)

    def full(path, *arguments):
        if call == "open" and not str(path).endswith(".unfinished"):
            return real(path, *arguments)
        raise OSError(errno.ENOSPC, "No space left on device")

    real = getattr(os, call)
    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space"):
        patch.setattr(os, call, full)
        add_key(keys)

    assert lines(keys) == before
    assert len(add_key(keys)) == 16


def test_power_cut_before_the_new_key_is_in_use_loses_nothing(keys, monkeypatch):
    """A new key is on the disk before anything is wrapped by it."""
    in_use = ids(keys)[0]
    on_disk = []

    def watched(descriptor, fsync=os.fsync):
        fsync(descriptor)
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            on_disk.append(ids(keys))

    monkeypatch.setattr(os, "fsync", watched)
    added = add_key(keys)

    assert on_disk == [[in_use, added], [added, in_use]]


def test_missing_file_is_said_to_be_missing_and_not_made(keys, data_key):
    (keys / "sealing.keys").unlink()

    for needs_keys in (
        new_data_key,
        lambda: seal(data_key, TEXT, purpose=PURPOSE),
        lambda: rewrap(data_key),
        lambda: add_key(keys),
        lambda: retire_keys(keys, set()),
    ):
        with pytest.raises(KeysMissing, match="restore it"):
            needs_keys()
    assert not (keys / "sealing.keys").exists()


GOOD = f"0123456789abcdef {b64encode(bytes(32)).decode()}"
MALFORMED = {
    "": "has no key",
    "\n": "line 1",
    "0123456789abcdef": "line 1",
    GOOD + "\n" + GOOD: "line 2: the id of an earlier line",
    GOOD + "\n\n": "line 2",
    GOOD.replace("0", "A"): "line 1",
    GOOD[1:]: "line 1",
    GOOD.replace(" ", "  "): "line 1",
    GOOD[:-4]: "line 1",
    GOOD + "\nfedcba9876543210 secret\xff": "line 2",
}


@each("text", MALFORMED)
def test_names_the_line_that_is_no_key_and_keeps_the_file(keys, data_key, text):
    (keys / "sealing.keys").write_text(text, encoding="latin-1")

    for refused in (new_data_key, lambda: add_key(keys), lambda: retire_keys(keys, set())):
        with pytest.raises(KeysMissing, match=MALFORMED[text]) as error:
            refused()
        assert "secret" not in str(error.value)
    assert (keys / "sealing.keys").read_text(encoding="latin-1") == text


@each(("mode", "found"), [(0o600, []), (0o640, ["portal.E007"]), (0o604, ["portal.E007"])])
def test_production_refuses_keys_that_others_may_read(keys, settings, mode, found):
    settings.PRODUCTION = True
    (keys / "sealing.keys").chmod(mode)

    assert [message.id for message in checks.sealing_keys_are_private()] == found


def test_check_says_nothing_where_no_key_is(settings, tmp_path):
    settings.PRODUCTION = True
    settings.KEYS_DIR = tmp_path

    assert checks.sealing_keys_are_private() == []
