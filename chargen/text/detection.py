"""What bytes are, judged by themselves: the likely encoding of a text, or the kind of a file that is no plain text."""

import codecs
import contextlib
import re
import unicodedata
from collections.abc import Sequence

SAMPLE = 1 << 16  # bytes that are looked at to suggest an encoding
DETECTED = 4096  # bytes of lines with characters beyond ASCII that are given to charset-normalizer
NEAR = {"chaos": 0.005, "coherence": 0.03}  # differences in charset-normalizer's figures, from 0 to 1, that say nothing
SYMBOL_AFTER_LETTER = (
    r"(?<=[^\W\d_])[\xa1-\xac\xae-\xb4\xb6\xb8-\xba\xbc-\xbf\xd7\xf7\u201a\u201e\u2020-\u2022\u2030-\u25ff]"
)
FEW = 3  # different bytes beyond ASCII; fewer say nothing about a language
BYTE_ORDER_MARKS = {
    "utf-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE),
    "utf-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE),  # after utf-32, whose mark may begin with the same bytes
}
WIDE = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
EAST_ASIAN = ("gb18030", "big5", "cp932", "euc_jp", "cp949")
MACINTOSH = ("mac_roman", "mac_latin2", "mac_cyrillic", *EAST_ASIAN)
# Those in use, the likelier first; with rarer ones among them charset-normalizer is wrong more often.
CANDIDATES = (
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp874", "cp437", "cp850", "cp866"),
    *("iso8859_2", "iso8859_5", "iso8859_6", "koi8_r", "koi8_u", "mac_cyrillic", "utf_16_le", "utf_16_be", *EAST_ASIAN),
)
AS_TEXT = "save it as plain text (.txt, in UTF-8) and give that"
UNPACK = "unpack it and give the texts that are in it"
KINDS = (  # how a file begins, what it is, and what to do
    (rb"%PDF-", "a PDF", "turn it into plain text, for example with pdftotext, and give that"),
    (rb"PK\x03\x04.{26}mimetypeapplication/epub", "an e-book (EPUB)", AS_TEXT),
    (rb"PK\x03\x04.{26}mimetypeapplication/vnd.oasis", "an OpenDocument file", AS_TEXT),
    (rb"PK\x03\x04.*\bword/", "a Word document", AS_TEXT),
    (rb"PK\x03\x04.*\bxl/", "an Excel workbook", "save it as CSV and give that"),
    (rb"PK\x03\x04", "a ZIP archive", UNPACK),
    (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a document of an old Office program", AS_TEXT),
    (rb"\{\\rtf", "a document in RTF", AS_TEXT),
    (rb".{60}(BOOKMOBI|TEXtREAd)", "an e-book (Kindle)", AS_TEXT),
    (rb".{257}ustar", "a tar archive", UNPACK),
    (rb"7z\xbc\xaf\x27\x1c|Rar!\x1a\x07|\x28\xb5\x2f\xfd", "an archive", UNPACK),
    (rb"\x89PNG|\xff\xd8\xff|GIF8[79]a|II\*\0|MM\0\*|RIFF.{4}WEBP", "an image", "give its words as a plain text file"),
    (
        rb"ID3[\2-\4]|OggS|fLaC\0|RIFF.{4}(WAVE|AVI )|.{4}ftyp|\x1aE\xdf\xa3",
        "a sound, a film or an image",
        "give a plain text file",
    ),
    (rb"PAR1", "a Parquet file", "export what should be learned as plain text or CSV"),
    (rb"SQLite format 3\0", "an SQLite database", "export what should be learned as plain text or CSV"),
    (rb".{6}\0\0\{\"", "a safetensors file, such as a model", "give the text to learn from"),
    (rb"\x7fELF|\xca\xfe\xba\xbe|[\xce\xcf]\xfa\xed\xfe", "a program", "give a plain text file"),
)


def kind_of(head: bytes) -> tuple[str, str] | None:
    """Return what a file is that is no plain text, and what to do about it; None if its first bytes do not tell."""
    return next(((what, advice) for magic, what, advice in KINDS if re.match(magic, head, re.DOTALL)), None)


def encoding_advice(data: bytes, failed: str) -> str:
    """Return what to do about bytes that are not in an encoding.

    Args:
        data: some of the bytes around the first that could not be decoded.
        failed: the canonical name of the encoding.
    """
    data = data[:SAMPLE]
    whole = _text_in(data, "utf-8") if failed == "utf-8" else ""
    if failed == "utf-8":
        if not whole.isascii():
            return "its last character is cut off; get the whole file, or remove that character"
        beyond = [character for character in data.decode("utf-8", "replace") if not character.isascii()]
        if beyond.count("\ufffd") * 4 < len(beyond):
            return "nearly all of it is; repair the damaged bytes, or drop them: iconv -c -f utf-8 -t utf-8 FILE"
    likely = likely_encoding(data, failed)
    other = f"give its {{encoding}}, for example {likely}" if likely else "give its {encoding}"
    return f"its last character is cut off, or it is not utf-8; {other}" if whole else other


def likely_encoding(data: bytes, failed: str) -> str:
    """Return the name of an encoding worth trying, "" if none is likely; see `encoding_advice`."""
    for encoding, marks in BYTE_ORDER_MARKS.items():
        if data.startswith(marks):
            return "" if encoding == failed else encoding
    if 0 in data:
        return _wide(data)
    if failed != "utf-8" and not data.isascii() and _text_in(data, "utf-8"):
        return "utf-8"
    found = _by_language(data, failed)
    return "" if found == failed else found


def _wide(data: bytes) -> str:
    """Return the encoding of bytes with NULs among them, two or four of which make a character; "" if there is none."""
    texts = {encoding: text for encoding in WIDE if _is_readable(text := _text_in(data, encoding))}
    # In the wrong order the first halves of characters are of many kinds.
    return min(texts, key=lambda encoding: len({ord(character) >> 8 for character in texts[encoding]}), default="")


def _text_in(data: bytes, encoding: str) -> str:
    """Return the text that bytes are in an encoding, "" if they are none; the last character may be cut."""
    with contextlib.suppress(UnicodeDecodeError):
        text = codecs.getincrementaldecoder(encoding)().decode(data)
        return text if "\0" not in text else ""
    return ""


def _is_readable(text: str) -> bool:
    """Whether a text has spaces, line ends or full stops, and no characters that nobody writes."""
    odd = any(unicodedata.category(character) in ("Cc", "Cn", "Co") and not character.isspace() for character in text)
    return not odd and any(mark in text for mark in " \n\u3002")


def _by_language(data: bytes, failed: str) -> str:
    """Return the encoding in which bytes read like a language, else one of Western Europe unless it has failed, or "".

    Among those that charset-normalizer finds about as likely, the one with the fewest symbols after letters is taken.
    """
    lines = [line for line in re.split(rb"[\r\n]+", data) if not line.isascii()]
    sample = b"\n".join(lines)[:DETECTED]
    in_use = MACINTOSH if b"\r" in data and b"\n" not in data else CANDIDATES
    names = [name for name in in_use if codecs.lookup(name).name != failed]
    found = _found(sample, names) if len({byte for byte in sample if byte >= 0x80}) >= FEW else []
    if "cp1250" in found and b"\xf5" in sample and b"\xfb" in sample:  # Hungarian; no western language has both
        return "cp1250"
    if not found and failed != "cp1252":
        found = [in_use[0], "cp437"]
    rank = (*in_use, "cp437")
    symbols = {name: len(re.findall(SYMBOL_AFTER_LETTER, sample.decode(name, "ignore"))) for name in found}
    best = min(found, key=lambda name: (symbols[name], rank.index(name)), default="")
    if best == "cp1252" and not any(0x80 <= byte <= 0x9F for byte in data):
        return "latin-1"
    return codecs.lookup(best).name if best else ""


def _found(sample: bytes, names: Sequence[str]) -> list[str]:
    """Return which encodings charset-normalizer finds about equally likely."""
    from charset_normalizer import from_bytes

    for cut in range(4):  # the last character may be cut
        if matches := list(from_bytes(sample[: len(sample) - cut], cp_isolation=list(names))):
            least = min(match.chaos for match in matches)
            near = [match for match in matches if match.chaos < least + NEAR["chaos"]]
            best = max(match.coherence for match in near)
            likely = [match for match in near if match.coherence > best - NEAR["coherence"]]
            return [name for match in likely for name in match.could_be_from_charset]
    return []
