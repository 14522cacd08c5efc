"""What the signature layer takes and what it refuses (T18, T20)."""

import json
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from consent_agent.protocol.errors import DocumentRefused
from consent_agent.protocol.jws import (
    MAX_TOKEN_BYTES,
    KeySet,
    SigningKey,
    decode_base64url,
    encode_base64url,
    read_public_jwk,
    sign,
    thumbprint,
    verify,
    verify_with_key,
)
from tests.agent.simulated_portal import SigningDesk

TYP = "device-policy+jws"


@pytest.fixture
def forge(desk: SigningDesk) -> Callable[..., str]:
    """Sign any header over any payload with any key, as only an attacker would."""

    def make(
        header: object = None,
        *,
        payload: bytes = b"{}",
        key: SigningKey = desk.policy,
        **members: object,
    ) -> str:
        if header is None:
            header = {"alg": "Ed25519", "kid": key.kid, "typ": TYP} | members
        raw = header if isinstance(header, bytes) else json.dumps(header).encode()
        signed = f"{encode_base64url(raw)}.{encode_base64url(payload)}"
        return f"{signed}.{encode_base64url(key.private.sign(signed.encode()))}"

    return make


def refused(token: str, keys: KeySet, typ: str = TYP) -> str:
    with pytest.raises(DocumentRefused) as caught:
        verify(token, typ=typ, keys=keys)
    return caught.value.code


def test_returns_the_canonical_payload_of_a_good_signature(desk, keys):
    token = sign({"b": 1, "a": "é"}, typ=TYP, key=desk.policy)

    assert verify(token, typ=TYP, keys=keys) == '{"a":"é","b":1}'.encode()


def test_same_facts_give_the_same_bytes(desk):
    assert sign({"a": 1, "b": 2}, typ=TYP, key=desk.policy) == sign(
        {"b": 2, "a": 1}, typ=TYP, key=desk.policy
    )


@pytest.mark.parametrize(
    "alg", ["none", "EdDSA", "ed25519", "HS256", "ES256", "", None, ["Ed25519"]]
)
def test_refuses_every_other_algorithm(forge, keys, alg):
    assert refused(forge(alg=alg), keys) == "alg_not_accepted"


@pytest.mark.parametrize("member", ["jwk", "jku", "x5u", "crit", "b64", "cty", "extra"])
def test_refuses_further_header_members(forge, keys, member):
    assert refused(forge(**{member: []}), keys) == "bad_header"


def test_refuses_a_key_that_travels_in_the_header(forge, desk, keys):
    stranger = desk.make_key("policy")

    assert refused(forge(key=stranger, jwk=stranger.public_jwk()), keys) == "bad_header"


@pytest.mark.parametrize(
    "header",
    [b'["Ed25519"]', b'{"alg":"Ed25519"}', b'{"alg":"Ed25519","kid":1,"typ":"device-policy+jws"}'],
)
def test_refuses_headers_of_another_shape(forge, keys, header):
    assert refused(forge(header), keys) == "bad_header"


def test_refuses_a_header_with_a_member_twice(forge, desk, keys):
    header = f'{{"alg":"none","alg":"Ed25519","kid":"{desk.policy.kid}","typ":"{TYP}"}}'

    assert refused(forge(header.encode()), keys) == "bad_json"


def test_refuses_an_unknown_key(forge, desk, keys):
    assert refused(forge(key=desk.make_key("policy")), keys) == "unknown_key"


@pytest.mark.parametrize(
    ("role", "typ"),
    [
        ("policy", "ceiling+jws"),
        ("programme", "device-policy+jws"),
        ("programme", "freshness+jws"),
        ("policy", "checkpoint+jws"),
        ("checkpoint", "freshness+jws"),
        ("policy", "acknowledgement+jws"),
    ],
)
def test_refuses_a_good_signature_by_a_key_of_another_role(forge, desk, keys, role, typ):
    token = forge(key=getattr(desk, role), typ=typ)

    assert refused(token, keys, typ) == "wrong_key_role"


def test_refuses_a_document_of_another_type(forge, keys):
    assert refused(forge(), keys, typ="freshness+jws") == "wrong_typ"


def test_refuses_an_unknown_type(forge, keys):
    assert refused(forge(typ="JWT"), keys) == "wrong_typ"


def test_refuses_a_stripped_signature(forge, keys):
    header, payload, _ = forge().split(".")

    assert refused(f"{header}.{payload}.", keys) == "bad_signature"


def test_refuses_a_changed_payload(forge, keys):
    header, _, signature = forge().split(".")

    assert refused(f"{header}.{encode_base64url(b'[]')}.{signature}", keys) == "bad_signature"


def test_refuses_a_signature_with_the_group_order_added(forge, keys):
    signed, _, signature = forge().rpartition(".")
    raw = decode_base64url(signature)
    order = 2**252 + 27742317777372353535851937790883648493
    scalar = (int.from_bytes(raw[32:], "little") + order).to_bytes(32, "little")

    assert refused(f"{signed}.{encode_base64url(raw[:32] + scalar)}", keys) == "bad_signature"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: token + "=",
        lambda token: token.replace(".", "..", 1),
        lambda token: token + ".",
        lambda token: token + "\n",
        lambda token: " " + token,
        lambda token: token.replace(".", ".+", 1),
        lambda token: token.rpartition(".")[0],
        lambda token: "é" + token,
        lambda token: "",
        lambda token: "..",
    ],
)
def test_refuses_other_spellings_of_a_good_token(forge, keys, spoil):
    assert refused(spoil(forge()), keys) in {"not_a_jws", "bad_json"}


def test_refuses_bits_that_belong_to_no_byte(forge, keys):
    token = forge()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    sibling = alphabet[alphabet.index(token[-1]) ^ 1]

    assert refused(token[:-1] + sibling, keys) == "not_a_jws"


def test_takes_64_kib_and_not_one_byte_more(forge, desk, keys):
    overhead = len(forge(payload=b""))
    largest = forge(payload=b" " * ((MAX_TOKEN_BYTES - overhead) * 3 // 4))
    too_large = forge(payload=b" " * ((MAX_TOKEN_BYTES - overhead) * 3 // 4 + 3))

    assert verify(largest, typ=TYP, keys=keys)
    assert refused(too_large, keys) == "too_large"


def test_does_not_sign_what_the_key_is_not_for(desk):
    with pytest.raises(ValueError, match="may not sign"):
        sign({}, typ="ceiling+jws", key=desk.policy)


def test_a_device_key_signs_acknowledgements_only(desk):
    device = desk.make_key("device")
    token = sign({"sequence": 1}, typ="acknowledgement+jws", key=device)

    payload = verify_with_key(
        token, typ="acknowledgement+jws", public_key=device.private.public_key()
    )

    assert payload == b'{"sequence":1}'


def test_refuses_the_acknowledgement_of_another_device(desk):
    token = sign({}, typ="acknowledgement+jws", key=desk.make_key("device"))
    other = desk.make_key("device").private.public_key()

    with pytest.raises(DocumentRefused, match="unknown_key"):
        verify_with_key(token, typ="acknowledgement+jws", public_key=other)


def test_thumbprint_is_the_one_of_the_rfc():
    """Source: RFC 8037, appendix A.3."""
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}

    assert thumbprint(jwk) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


@pytest.mark.parametrize(
    "changes",
    [
        {"kty": "EC"},
        {"crv": "X25519"},
        {"use_role": "admin"},
        {"use_role": "device"},
        {"use_role": ["policy"]},
        {"use_role": None},
        {"kid": None},
        {"alg": "EdDSA"},
        {"use": "enc"},
        {"d": "AAAA"},
        {"x": None},
        {"x": "AAAA"},
        {"x": "A" * 43},
        {"x": "!" * 43},
    ],
)
def test_refuses_a_key_set_with_one_bad_key(desk, changes):
    document = {"keys": [desk.programme.public_jwk(), desk.policy.public_jwk() | changes]}

    with pytest.raises(DocumentRefused, match="bad_jwks"):
        KeySet.from_jwks(document)


@pytest.mark.parametrize("document", [{}, {"keys": []}, {"keys": {}}, {"keys": [1]}])
def test_refuses_a_key_set_of_another_shape(document):
    with pytest.raises(DocumentRefused, match="bad_jwks"):
        KeySet.from_jwks(document)


@pytest.mark.parametrize("changes", [{"kid": "another"}, {"use_role": "programme", "kid": "other"}])
def test_refuses_one_key_under_two_names_or_roles(desk, changes):
    jwk = desk.policy.public_jwk()

    with pytest.raises(DocumentRefused, match="twice"):
        KeySet.from_jwks({"keys": [jwk, jwk | changes]})


@pytest.mark.parametrize(
    "point",
    [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    ],
)
def test_refuses_points_of_small_order(point):
    """Source: the points of order 1, 2, 4 and 8 and their other encodings."""
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": encode_base64url(bytes.fromhex(point))}

    with pytest.raises(DocumentRefused, match="bad_key"):
        read_public_jwk(jwk)


def test_keeps_the_published_private_key_out_of_reach(desk):
    assert "d" not in desk.policy.public_jwk()
    assert "private" not in json.dumps(desk.jwks)


KEYS = KeySet.from_jwks(
    {"keys": [SigningKey.from_private(Ed25519PrivateKey.generate(), role="policy").public_jwk()]}
)


@given(st.one_of(st.text(), st.from_regex(r"[\w-]*\.[\w-]*\.[\w-]*", fullmatch=True)))
def test_never_accepts_and_never_crashes_on_other_text(text):
    assert refused(text, KEYS)


@given(st.binary(max_size=40).map(encode_base64url))
def test_base64url_has_one_spelling(encoded):
    assert encode_base64url(decode_base64url(encoded)) == encoded
