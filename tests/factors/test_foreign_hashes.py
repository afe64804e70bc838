"""Hashes other software made: read in every form, stored in one, compared, outdated, bounded, never cheaper (D4)."""

import base64
import json
import re
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from hypothesis import given
from hypothesis import strategies as st

from portico.factors.foreign_hashes import ForeignHash, HashProblem, find_stored
from portico.factors.hash_dialects import HASH_MAX, KeycloakCredential, read_hash, read_keycloak
from portico.factors.hashing import Argon2Parameters, Hasher
from tests.support import foreign
from tests.support.amounts import FEW
from tests.support.foreign import CREDENTIALS, STRINGS

PASSWORD = "Zoë-Harbour-27"
SALT, TAG = "$c2FsdHNhbHQ", "$" + "A" * 43
DJANGO_TAG = "Qj3+9PPyRjSJIebHnG81TMjsqtaIGxNQG/aEB/NYafTJ7tibgfYz71m0ldQESkXFRkdVCBhhY8mx7rQwite/Pw=="


def read(form: str, password: str) -> ForeignHash:
    """A hash of a password in one of the forms, read."""
    if form in STRINGS:
        found = read_hash(STRINGS[form](password))
    else:
        found = read_keycloak(msgspec.convert(CREDENTIALS[form](password), KeycloakCredential))
    assert not isinstance(found, HashProblem), (form, found)
    return found


@pytest.fixture
def hasher() -> Iterator[Hasher]:
    made = Hasher(Argon2Parameters(memory_kib=8, passes=1), threads=1)
    yield made
    made.close()


FORMS = [*STRINGS, *CREDENTIALS]


@pytest.mark.parametrize("form", FORMS)
async def test_each_form_is_stored_compared_and_outdated(hasher: Hasher, form: str) -> None:  # D4
    found = read(form, PASSWORD)
    stored = found.write()
    assert find_stored(stored) == found, "what is stored reads as what it was made of"
    assert hasher.is_outdated(stored.encode())
    assert await hasher.is_match(stored.encode(), PASSWORD)
    for other in (PASSWORD + "x", PASSWORD[:-1], PASSWORD.lower(), ""):
        assert not await hasher.is_match(stored.encode(), other)


@pytest.mark.parametrize(
    ("written", "password"),
    [
        (  # from the tests of Django
            f"scrypt$16384$seasalt$8$1${DJANGO_TAG}",
            "lètmein",
        ),
        ("$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe", "a"),  # of jBCrypt
    ],
    ids=["django", "jbcrypt"],
)
async def test_published_hashes_are_compared(hasher: Hasher, written: str, password: str) -> None:  # D4
    found = read_hash(written)
    assert not isinstance(found, HashProblem)
    assert await hasher.is_match(found.write().encode(), password)
    assert not await hasher.is_match(found.write().encode(), password + "x")


async def test_bcrypt_looks_at_72_bytes(hasher: Hasher) -> None:  # D4
    long = "ä" * 50  # a hundred bytes
    stored = read("bcrypt 2b", long).write().encode()
    assert await hasher.is_match(stored, long)
    assert await hasher.is_match(stored, "ä" * 36)
    assert not await hasher.is_match(stored, "ä" * 35)
    digested = read("django bcrypt sha256", long).write().encode()
    assert await hasher.is_match(digested, long)
    assert not await hasher.is_match(digested, "ä" * 36)


async def test_loose_bits_of_bcrypt_are_cleared(hasher: Hasher) -> None:
    """Some libraries set bits at the end of salt and tag that belong to nothing."""
    made = foreign.bcrypt_hash(PASSWORD)
    alphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    loose = made[:28] + alphabet[alphabet.index(made[28]) | 1] + made[29:-1] + alphabet[alphabet.index(made[-1]) | 1]
    found = read_hash(loose)
    assert not isinstance(found, HashProblem)
    assert await hasher.is_match(found.write().encode(), PASSWORD)


@FEW
@given(password=st.text(max_size=80).filter(lambda text: "\0" not in text), form=st.sampled_from(FORMS))
def test_any_password_belongs_to_its_hash_in_any_form(password: str, form: str) -> None:  # D4
    try:
        password.encode()
    except UnicodeEncodeError:
        return
    found = read(form, password)
    assert found.is_match(password.encode())
    assert not found.is_match(b"x" + password.encode())
    hasher = object.__new__(Hasher)
    hasher.parameters = Argon2Parameters()
    assert hasher.is_outdated(found.write().encode())


TOO_COSTLY = [
    f"$argon2id$v=19$m=10485760,t=1,p=1{SALT}{TAG}",
    f"$argon2id$v=19$m=262145,t=1,p=1{SALT}{TAG}",
    f"$argon2d$v=19$m=65536,t=17,p=1{SALT}{TAG}",
    f"$argon2i$v=19$m=4096,t=1,p=17{SALT}{TAG}",
    f"$argon2id$v=19$m=9999999999,t=9999999999,p=16{SALT}{TAG}",
    f"argon2$argon2id$v=19$m=10485760,t=1,p=1{SALT}{TAG}",
    "$2b$15$" + "a" * 53,
    "$2b$31$" + "a" * 53,
    f"pbkdf2_sha256$5000001$seasalt{TAG}=",
    f"pbkdf2_sha256$9999999999$seasalt{TAG}=",
    f"$pbkdf2-sha1$i=5000000{SALT}{TAG}",
    f"scrypt$4194304$seasalt$8$1${'A' * 86}==",
    f"scrypt$131072$seasalt$8$3${'A' * 86}==",
    f"scrypt$2$seasalt$9999999999$1${'A' * 86}==",
    f"$scrypt$ln=99,r=8,p=1{SALT}{TAG}",
]
DAMAGED = [
    "",
    "$",
    "$argon2id$",
    f"$argon2id$v=16$m=64,t=1,p=1{SALT}{TAG}",
    f"$argon2id$m=64,t=1,p=1{SALT}{TAG}",
    f"$argon2id$v=19$m=7,t=1,p=1{SALT}{TAG}",
    f"$argon2id$v=19$m=64,t=0,p=1{SALT}{TAG}",
    f"$argon2id$v=19$m=64,t=1,p=0{SALT}{TAG}",
    f"$argon2id$v=19$m=64,t=1,p=1$c2Fs{TAG}",
    f"$argon2id$v=19$m=64,t=1,p=1{SALT}$AAAA",
    f"$argon2id$v=19$m=64,t=1,p=1{SALT}{TAG}\n",
    f"$argon2id$v=19$m=-64,t=1,p=1{SALT}{TAG}",
    f"$argon2id$v=19$m=64,t=1,p=1{SALT}$A",
    "$2b$12$" + "a" * 52,
    "$2b$12$" + "a" * 54,
    "$2b$03$" + "a" * 53,
    "$2b$99$" + "a" * 53,
    "$2x$12$" + "a" * 53,
    "$2b$12$" + "ä" * 53,
    f"pbkdf2_sha256$0$seasalt{TAG}=",
    f"pbkdf2_sha256$1000${TAG}=",
    f"pbkdf2_sha256$1000$\ud800{TAG}=",
    f"pbkdf2_sha256$1000${'s' * 129}{TAG}=",
    "pbkdf2_sha256$1000$seasalt$AAAA",
    f"pbkdf2_sha256$many$seasalt{TAG}=",
    f"scrypt$15$seasalt$8$1${'A' * 86}==",
    f"scrypt$0$seasalt$8$1${'A' * 86}==",
    f"scrypt$65536$seasalt$1$1${'A' * 86}==",
    f"scrypt$16$seasalt$0$1${'A' * 86}==",
    f"scrypt$16$seasalt$8$0${'A' * 86}==",
    "bcrypt$",
    "bcrypt_sha256$",
    "argon2$",
    "$2b$12$" + "a" * HASH_MAX,
]
UNKNOWN = ["5f4dcc3b5aa765d61d8327deb882cf99", "md5$salt$5f4dcc3b5aa765d61d8327deb882cf99", "!", "$6$salt$hash", "\0"]


@pytest.mark.parametrize("written", TOO_COSTLY)
async def test_a_hash_that_demands_too_much_is_refused(hasher: Hasher, written: str) -> None:  # D4
    assert read_hash(written) is HashProblem.TOO_COSTLY
    is_ours = re.match(r"\$argon2id\$.*,p=1\$", written)  # whoever set that in the settings is asked to bear it
    assert is_ours or not await hasher.is_match(written.encode(), PASSWORD), "nor is it ever computed"


@pytest.mark.parametrize("written", DAMAGED, ids=range(len(DAMAGED)))
async def test_a_damaged_hash_is_refused_and_matches_nothing(hasher: Hasher, written: str) -> None:  # D4
    assert read_hash(written) in {HashProblem.DAMAGED, HashProblem.UNKNOWN}
    assert not await hasher.is_match(written.encode("utf-8", "surrogatepass"), PASSWORD)


@pytest.mark.parametrize("written", UNKNOWN)
def test_a_hash_of_an_unknown_kind_is_refused(written: str) -> None:  # D4
    assert read_hash(written) is HashProblem.UNKNOWN


@FEW
@given(
    st.text(max_size=200) | st.sampled_from([*TOO_COSTLY, *DAMAGED]).flatmap(lambda text: st.text().map(text.__add__))
)
def test_whatever_is_read_never_fails(written: str) -> None:
    read_hash(written)


def keycloak(**changes: Any) -> KeycloakCredential:
    """A credential of Keycloak's, with some of its values replaced."""
    made = CREDENTIALS[changes.pop("form", "keycloak pbkdf2 sha256")](PASSWORD)
    for part in ("secretData", "credentialData"):
        values = json.loads(made[part])
        values |= {name: value for name, value in changes.items() if name in values}
        made[part] = json.dumps(values)
    return msgspec.convert({**made, **{name: changes[name] for name in changes if name in made}}, KeycloakCredential)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"algorithm": "md5"}, HashProblem.UNKNOWN),
        ({"hashIterations": 0}, HashProblem.DAMAGED),
        ({"hashIterations": -1}, HashProblem.DAMAGED),
        ({"hashIterations": 10**30}, HashProblem.TOO_COSTLY),
        ({"hashIterations": 2_500_001}, HashProblem.TOO_COSTLY),
        ({"hashIterations": "many"}, HashProblem.DAMAGED),
        ({"value": "§"}, HashProblem.DAMAGED),
        ({"value": ""}, HashProblem.DAMAGED),
        ({"value": "A" * 4000}, HashProblem.DAMAGED),
        ({"salt": ""}, HashProblem.DAMAGED),
        ({"secretData": "{"}, HashProblem.DAMAGED),
        ({"secretData": "[]"}, HashProblem.DAMAGED),
        ({"credentialData": "[" * 5000}, HashProblem.DAMAGED),
        ({"type": "otp"}, HashProblem.DAMAGED),
        ({"form": "keycloak argon2", "additionalParameters": {}}, HashProblem.DAMAGED),
        ({"form": "keycloak argon2", "hashIterations": 10**6}, HashProblem.DAMAGED),
    ],
    ids=str,
)
def test_a_damaged_credential_of_keycloak_is_refused(changes: dict[str, Any], problem: HashProblem) -> None:  # D4
    found = read_keycloak(keycloak(**changes))
    assert found is problem or (changes.get("hashIterations") == 10**6 and isinstance(found, HashProblem))


def test_keycloak_may_write_its_parts_as_objects() -> None:
    written = CREDENTIALS["keycloak pbkdf2"](PASSWORD)
    plain = {**written, **{name: json.loads(written[name]) for name in ("secretData", "credentialData")}}
    assert read_keycloak(msgspec.convert(plain, KeycloakCredential)) == read_keycloak(keycloak(form="keycloak pbkdf2"))


class MeteredHasher(Hasher):
    """Writes down what processor time each comparison took."""

    def __init__(self) -> None:
        super().__init__(Argon2Parameters(memory_kib=8 * 1024, passes=2), threads=1)
        self.took: list[float] = []

    def _compare(self, stored: bytes, password: bytes, *, makes_up_always: bool = False) -> bool:
        began = time.thread_time()
        good = super()._compare(stored, password, makes_up_always=makes_up_always)
        self.took.append(time.thread_time() - began)
        return good

    async def median(self, stored: bytes | None, password: str) -> float:
        """What comparing takes, the middle of some."""
        self.took.clear()
        for _ in range(15):
            await self.is_match(stored, password)
        return sorted(self.took)[7]


@pytest.mark.parametrize("form", ["argon2id", "bcrypt 2b", "django pbkdf2 sha256", "django scrypt"])
async def test_a_cheap_foreign_hash_costs_a_wrong_password_what_nobody_costs(form: str) -> None:  # D4, D20
    """It is not told apart by being quick: what it lacks is made up."""
    hasher = MeteredHasher()
    try:
        stored = read(form, PASSWORD).write().encode()
        nobody = await hasher.median(None, "wrong")
        wrong = await hasher.median(stored, "wrong")
        right = await hasher.median(stored, PASSWORD)
    finally:
        hasher.close()
    assert right < 0.7 * nobody, "the hash is cheap, or this proves nothing"
    assert 0.7 * nobody < wrong < 1.5 * nobody


async def test_what_is_no_hash_at_all_matches_nothing(hasher: Hasher) -> None:
    for stored in (base64.b64encode(b"x" * 30), b"\xff\xfe", b""):
        assert not await hasher.is_match(stored, PASSWORD)


@pytest.mark.parametrize(("salt_bytes", "tag_bytes"), [(16, 64), (64, 32), (64, 64)])
async def test_argon2id_longer_than_libsodium_takes_is_compared_all_the_same(  # D4
    hasher: Hasher, salt_bytes: int, tag_bytes: int
) -> None:
    salt = b"s" * salt_bytes
    tag = Argon2id(salt=salt, length=tag_bytes, iterations=2, lanes=1, memory_cost=64).derive(PASSWORD.encode())
    texts = [base64.b64encode(part).decode().rstrip("=") for part in (salt, tag)]
    found = read_hash(f"$argon2id$v=19$m=64,t=2,p=1${texts[0]}${texts[1]}")
    assert not isinstance(found, HashProblem)
    stored = found.write().encode()
    assert await hasher.is_match(stored, PASSWORD)
    assert not await hasher.is_match(stored, "wrong")


def test_scrypt_that_would_take_more_memory_than_allowed_is_refused() -> None:  # D4
    assert isinstance(find_stored(f"$scrypt$ln=1,r=1048576,p=1{SALT}{TAG}"), HashProblem)
