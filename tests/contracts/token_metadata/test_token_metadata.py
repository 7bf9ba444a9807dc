"""TokenMetadata: what tokens answer, and what is made of it. The tokens are bare code, and can answer anything."""

from __future__ import annotations

import pytest
from eth_utils.crypto import keccak

from tests.kit.chains import BoundChain
from tests.kit.evm import CODEC, Contract, Revert, call, deploy, error, set_code

TOKEN = "0x" + "70" * 20
DELEGATE = "0x" + "7d" * 20
UNNAMED = (0, b"?", b"?")
READ_GAS = 50_000
WORD = 32


@pytest.fixture(scope="session")
def metadata(chains: dict[str, BoundChain], deployer: str) -> Contract:
    return deploy(chains["hub"], "TokenMetadata", sender=deployer)


def read(metadata: Contract, gas: int = 1_000_000) -> tuple[int, bytes, bytes] | Revert:
    """Decimals, name and symbol; what is no UTF-8, too."""
    answer = call(metadata.chain, metadata.address, metadata.encode("read", TOKEN), gas=gas)
    if isinstance(answer, Revert):
        return answer
    decimals, name, symbol = CODEC.decode(["uint8", "bytes", "bytes"], answer)
    return decimals, name, symbol


def push(value: int) -> bytes:
    """PUSH4."""
    return b"\x63" + value.to_bytes(4, "big")


def answering(answer: bytes, ending: int = 0xF3) -> bytes:
    """Code that returns, or with 0xFD reverts with, the same bytes to whatever it is asked."""
    length, offset = push(len(answer)), push(5 + 5 + 2 + 5 + 2)
    return length + offset + b"\x5f\x39" + length + bytes([0x5F, ending]) + answer


def by_selector(name: bytes, symbol: bytes, decimals: bytes) -> bytes:
    """Code that answers each question by itself."""
    answers = {"name()": name, "symbol()": symbol, "decimals()": decimals}
    codes = {question: answering(answer) for question, answer in answers.items()}
    # PUSH0 CALLDATALOAD PUSH1 224 SHR, and for each: DUP1 PUSH4 selector EQ PUSH4 place JUMPI.
    head, size = b"\x5f\x35\x60\xe0\x1c", 1 + 5 + 1 + 5 + 1
    place = len(head) + size * len(codes) + 1
    tail = b"\x00"
    for question, code in codes.items():
        head += (
            b"\x80" + push(int.from_bytes(keccak(text=question)[:4], "big")) + b"\x14" + push(place) + b"\x57"
        )
        # The code copies from where it stands.
        moved = code[:5] + push(int.from_bytes(code[6:10], "big") + place + 1) + code[10:]
        # Zeros, so that no byte of the answer is taken for an opcode with the next code as its argument.
        moved += bytes(32)
        tail += b"\x5b" + moved
        place += 1 + len(moved)
    return head + tail


def word(value: int) -> bytes:
    return value.to_bytes(WORD, "big")


def string(text: bytes) -> bytes:
    """As every encoder writes it."""
    return word(32) + word(len(text)) + text + bytes(-len(text) % WORD)


# What tokens answer


@pytest.mark.parametrize(
    "text", [b"T", b"Tether USD", b"t" * 31, b"t" * 32, "Ünïcode “$”".encode(), b"a\x00b", b"\xff\xfe"]
)
@pytest.mark.parametrize("decimals", [0, 6, 18, 255])
def test_reads_a_string(metadata: Contract, text: bytes, decimals: int) -> None:
    """As bytes: what is no UTF-8 is kept."""
    set_code(metadata.chain, TOKEN, by_selector(string(text), string(text[:5]), word(decimals)))
    assert read(metadata) == (decimals, text, text[:5])


@pytest.mark.parametrize(
    ("text", "kept"), [(b"MKR", b"MKR"), (b"m" * 32, b"m" * 32), (b"a\x00b", b"a"), (b"\xff", b"\xff")]
)
def test_reads_a_word_up_to_its_first_zero(metadata: Contract, text: bytes, kept: bytes) -> None:
    """As of tokens before 2018."""
    answer = text.ljust(32, b"\x00")
    set_code(metadata.chain, TOKEN, by_selector(answer, answer, word(18)))
    assert read(metadata) == (18, kept, kept)


def test_reads_a_token_of_our_own(metadata: Contract, deployer: str) -> None:
    ether = deploy(metadata.chain, "WrappedEther", sender=deployer)
    assert metadata.view("read", ether.address) == (18, "Wrapped Ether", "WETH")


def test_an_account_without_code_has_no_name(metadata: Contract, attacker: str) -> None:
    assert metadata.view("read", attacker) == (0, "?", "?")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x01",
        bytes(31),
        bytes(32),
        bytes(33),
        word(32) + b"\x01" * 31,
        bytes(64),
        string(b""),
        bytes(4_096),
        b"\xff" * 64,
        b"\xff" * 4_096,
        word(32) + word(1),
        word(32) + word(32) + b"x" * 31,
        word(32) + word(2**255) + b"x" * 96,
        word(32) + word(2**256 - 1) + b"x" * 96,
        word(32) + word(2**256 - 32) + b"x" * 96,
        word(0) + word(1) + b"x" * 32,
        word(31) + word(1) + b"x" * 32,
        word(33) + word(1) + b"x" * 32,
        word(64) + word(0) + word(1) + b"x" * 32,
        word(2**256 - 1) + word(1) + b"x" * 32,
        word(2**256 - 32) + word(1) + b"x" * 32,
    ],
    ids=lambda answer: f"{len(answer)}-{answer[:64].hex().replace('00', '')[:40]}",
)
def test_garbage_is_no_name(metadata: Contract, answer: bytes) -> None:
    """M20: too short, and offsets and lengths beyond what there is."""
    set_code(metadata.chain, TOKEN, by_selector(answer, answer, word(9)))
    assert read(metadata) == (9, b"?", b"?")


@pytest.mark.parametrize(
    ("answer", "decimals"),
    [
        (b"", 0),
        (b"\x12", 0),
        (bytes(31), 0),
        (word(255), 255),
        (word(256), 0),
        (word(2**256 - 1), 0),
        (word(2**255 + 18), 0),
        (word(18) + b"more", 18),
    ],
)
def test_decimals_fit_or_are_none(metadata: Contract, answer: bytes, decimals: int) -> None:
    set_code(metadata.chain, TOKEN, by_selector(string(b"N"), string(b"S"), answer))
    assert read(metadata) == (decimals, b"N", b"S")


# Long texts


@pytest.mark.parametrize("length", [63, 64, 65, 96, 97, 128, 5_000])
def test_a_long_text_is_cut(metadata: Contract, length: int) -> None:
    """Also where more is there than is copied."""
    text = bytes(ord("a") + index % 26 for index in range(length))
    set_code(metadata.chain, TOKEN, answering(string(text)))
    assert read(metadata) == (32, text[:64], text[:32])


@pytest.mark.parametrize("character", ["é", "€", "🪙"])
@pytest.mark.parametrize("before", range(5))
@pytest.mark.parametrize("maximum", [64, 32])
def test_no_character_is_cut(metadata: Contract, character: str, before: int, maximum: int) -> None:
    """UTF-8 of two, three and four bytes, at every place against the end."""
    text = "a" * before + character * 40
    whole = ""
    while len((whole + text[len(whole)]).encode()) <= maximum:
        whole += text[len(whole)]
    set_code(metadata.chain, TOKEN, answering(string(text.encode())))
    found = read(metadata)
    assert isinstance(found, tuple)
    assert found[1 if maximum == 64 else 2] == whole.encode()


@pytest.mark.parametrize("tail", [1, 2, 3, 4, 40])
def test_what_is_no_text_is_cut_anywhere(metadata: Contract, tail: int) -> None:
    """Bytes that only continue a character, in a row: up to three may be one's end."""
    text = b"a" * (65 - tail) + b"\x80" * 60
    set_code(metadata.chain, TOKEN, answering(string(text)))
    found = read(metadata)
    assert isinstance(found, tuple)
    assert found[1] == text[: 64 - tail if tail < 4 else 64]


# What tokens do


@pytest.mark.parametrize("answer", [b"", string(b"Name"), word(18)])
def test_what_reverts_names_nothing(metadata: Contract, answer: bytes) -> None:
    set_code(metadata.chain, TOKEN, answering(answer, ending=0xFD))
    assert read(metadata) == UNNAMED


# Memory of 100,000 bytes costs 28,000 gas. The first two words are those of a string.
_BIG = 100_000
_BOMB = b"\x60\x20\x5f\x52" + push(_BIG - 64) + b"\x60\x20\x52" + push(_BIG) + b"\x5f"
HOSTILE = {
    "burns-all": (b"\x5b\x5f\x56", UNNAMED),
    "invalid": (b"\xfe", UNNAMED),
    "return-bomb": (_BOMB + b"\xf3", (32, bytes(64), bytes(32))),
    "revert-bomb": (_BOMB + b"\xfd", UNNAMED),
    "writes": (push(1) + b"\x5f\x55" + b"\x60\x20\x5f\xf3", UNNAMED),
    "destroys-itself": (b"\x33\xff", UNNAMED),
    "delegates-to-nobody": (bytes.fromhex("ef0100") + b"\x99" * 20, UNNAMED),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_token_is_read_all_the_same(metadata: Contract, name: str) -> None:
    """M20."""
    code, expected = HOSTILE[name]
    set_code(metadata.chain, TOKEN, code)
    assert read(metadata, gas=200_000) == expected


def test_what_is_not_wanted_is_not_copied(metadata: Contract) -> None:
    """M20: else the reader would pay for the same memory again. Two answers of 29,000, and what a third must have."""
    code, expected = HOSTILE["return-bomb"]
    set_code(metadata.chain, TOKEN, code)
    assert read(metadata, gas=145_000) == expected


def test_an_account_that_delegates_is_read(metadata: Contract) -> None:
    """EIP-7702."""
    set_code(metadata.chain, DELEGATE, by_selector(string(b"N"), string(b"S"), word(3)))
    set_code(metadata.chain, TOKEN, bytes.fromhex("ef0100") + bytes.fromhex(DELEGATE[2:]))
    assert read(metadata) == (3, b"N", b"S")


# Gas

_LIMIT = READ_GAS - 20
# GAS PUSH4 limit LT PUSH1 place JUMPI INVALID JUMPDEST: answers only if it got nearly everything that it should.
_PICKY = b"\x5a" + push(_LIMIT) + b"\x10\x60\x0b\x57\xfe\x5b"


def _picky(answer: bytes) -> bytes:
    code = answering(answer)
    # A selector's code comes at its own place: here there is one answer, behind the check.
    return _PICKY + code[:5] + push(int.from_bytes(code[6:10], "big") + len(_PICKY)) + code[10:]


@pytest.mark.parametrize("delegates", [False, True])
def test_nobody_makes_a_read_fail_by_stinginess(metadata: Contract, delegates: bool) -> None:
    """M12: whatever gas the caller brings, it is read as it should be, or the call reverts."""
    place = DELEGATE if delegates else TOKEN
    set_code(metadata.chain, place, _picky(string(b"Name")))
    if delegates:
        set_code(metadata.chain, TOKEN, bytes.fromhex("ef0100") + bytes.fromhex(DELEGATE[2:]))
    outcomes = [read(metadata, gas=gas) for gas in range(22_000, 120_000, 173)]
    whole = (32, b"Name", b"Name")
    refused = [outcome for outcome in outcomes if outcome != whole]
    assert set(map(repr, refused)) == {repr(error("TooLittleGas")), repr(Revert(b""))}
    # First all refusals, then none.
    assert outcomes == refused + [whole] * (len(outcomes) - len(refused))
    assert 0 < len(refused) < len(outcomes)
